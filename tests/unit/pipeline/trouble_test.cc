#include "collector/pipeline/trouble.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/pipeline/settler.h"

namespace pinfo {
namespace {

class TroubleTest : public testing::Test {
 protected:
  std::vector<std::string> told_;
  Trouble trouble_{[this](const std::string& text) { told_.push_back(text); }};
};

TEST_F(TroubleTest, IsToldAtOnceThenRarelyAndCountedAlways) {
  for (int64_t second = 0; second < 25; ++second) {
    trouble_.Note("storing", Fail("the disk is full"), second * 1'000'000'000);
  }
  EXPECT_EQ(trouble_.failures(), 25);
  ASSERT_EQ(told_.size(), 3U);
  EXPECT_THAT(told_[0], testing::HasSubstr("the disk is full"));
}

TEST_F(TroubleTest, AnotherFailureIsToldAtOnce) {
  trouble_.Note("storing", Fail("the disk is full"), 1);
  trouble_.Note("storing", Fail("the database is locked"), 2);
  EXPECT_THAT(told_, testing::ElementsAre(testing::HasSubstr("full"), testing::HasSubstr("locked")));
}

TEST_F(TroubleTest, ItsEndIsToldOnce) {
  trouble_.Note("storing", {}, 1);
  EXPECT_THAT(told_, testing::IsEmpty());
  trouble_.Note("storing", Fail("the disk is full"), 2);
  trouble_.Note("pruning", {}, 3);
  trouble_.Note("storing", {}, 4);
  trouble_.Note("storing", {}, 5);
  EXPECT_THAT(told_, testing::ElementsAre(testing::_, "storing works again"));
}

TEST(SettleBudgetTest, TakesWhatIsIdleAndAlittleWhenItHasWaited) {
  EXPECT_EQ(SettleBudgetNs(0, 0), 0);
  EXPECT_EQ(SettleBudgetNs(0.2, 29'000'000'000), 0);
  EXPECT_EQ(SettleBudgetNs(0, 30'000'000'000), 10'000'000);
  EXPECT_EQ(SettleBudgetNs(0.5, 0), 25'000'000);
  EXPECT_EQ(SettleBudgetNs(1, 30'000'000'000), 50'000'000);
}

}  // namespace
}  // namespace pinfo

#include "collector/base/duration.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinfo {
namespace {

TEST(ParseDuration, ReadsEveryUnit) {
  EXPECT_EQ(ParseDuration("7ns"), 7);
  EXPECT_EQ(ParseDuration("250us"), 250'000);
  EXPECT_EQ(ParseDuration("50ms"), 50'000'000);
  EXPECT_EQ(ParseDuration("5s"), 5'000'000'000);
  EXPECT_EQ(ParseDuration("10m"), 600'000'000'000);
  EXPECT_EQ(ParseDuration("2h"), 7'200'000'000'000);
  EXPECT_EQ(ParseDuration("1d"), 86'400'000'000'000);
  EXPECT_EQ(ParseDuration("0s"), 0);
  EXPECT_EQ(ParseDuration("1.5s"), 1'500'000'000);
  EXPECT_EQ(ParseDuration("0.0000000019s"), 1);
  EXPECT_EQ(ParseDuration("9223372036854775807ns"), INT64_MAX);
}

TEST(ParseDuration, NamesWhatItCannotRead) {
  for (const char* bad : {"",        "5",
                          "s",       "-5s",
                          "+5s",     " 5s",
                          "5 s",     "5s ",
                          "5S",      "5sec",
                          "1.s",     ".5s",
                          "1.2.3s",  "1,5s",
                          "0x5s",    "9223372036854775808ns",
                          "106752d", "99999999999999999999s",
                          "1e3s",    "9223372036.9s"}) {
    const auto result = ParseDuration(bad);
    ASSERT_FALSE(result.has_value()) << bad;
    EXPECT_THAT(result.error().message, ::testing::HasSubstr(std::string("'") + bad + "'"));
  }
}

}  // namespace
}  // namespace pinfo

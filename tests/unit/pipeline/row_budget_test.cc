#include "collector/pipeline/row_budget.h"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

namespace pinfo {
namespace {

TEST(TokenBucketTest, StartsFullAndRefillsToItsLimit) {
  TokenBucket bucket(10, 20);
  bucket.Refill(1'000'000'000);
  EXPECT_EQ(bucket.available(), 20U);
  bucket.Spend(20);
  bucket.Refill(1'500'000'000);
  EXPECT_EQ(bucket.available(), 5U);
  bucket.Refill(100'000'000'000);
  EXPECT_EQ(bucket.available(), 20U);
}

TEST(TokenBucketTest, AClockThatGoesBackGivesNothing) {
  TokenBucket bucket(10, 20);
  bucket.Refill(2'000'000'000);
  bucket.Spend(20);
  bucket.Refill(1'000'000'000);
  EXPECT_EQ(bucket.available(), 0U);
  bucket.Refill(2'100'000'000);
  EXPECT_EQ(bucket.available(), 1U);
}

TEST(DecideRowsTest, EverythingIsKeptWhileTokensLast) {
  const std::vector<RowCandidate> candidates(5, {.latency_ns = 1, .profile_wanted = true});
  const auto decisions = DecideRows(candidates, 5, 2);
  int profiled = 0;
  for (const RowDecision& decision : decisions) {
    EXPECT_TRUE(decision.keep);
    EXPECT_EQ(decision.weight, 1);
    profiled += decision.profile ? 1 : 0;
  }
  EXPECT_EQ(profiled, 2);
}

TEST(DecideRowsTest, TheSlowestWantedAreProfiled) {
  const std::vector<RowCandidate> candidates = {{.latency_ns = 10, .profile_wanted = true},
                                                {.latency_ns = 99, .profile_wanted = false},
                                                {.latency_ns = 30, .profile_wanted = true},
                                                {.latency_ns = 20, .profile_wanted = true}};
  const auto decisions = DecideRows(candidates, 100, 2);
  EXPECT_FALSE(decisions[0].profile);
  EXPECT_FALSE(decisions[1].profile);
  EXPECT_TRUE(decisions[2].profile);
  EXPECT_TRUE(decisions[3].profile);
}

TEST(DecideRowsTest, WithoutTokensNothingIsKept) {
  const std::vector<RowCandidate> candidates(3, {.latency_ns = 1, .profile_wanted = true});
  for (const RowDecision& decision : DecideRows(candidates, 0, 5)) {
    EXPECT_FALSE(decision.keep);
    EXPECT_FALSE(decision.profile);
  }
}

TEST(DecideRowsTest, ThinnedRowsKeepTheFailedAndTheSlowestAndTheirWeightsAddUp) {
  std::mt19937 random(17);
  for (int round = 0; round < 200; ++round) {
    const size_t count = 1 + random() % 3000;
    const size_t tokens = 4 + random() % 1500;
    std::vector<RowCandidate> candidates(count);
    size_t slowest = 0;
    for (size_t i = 0; i < count; ++i) {
      candidates[i].latency_ns = static_cast<int64_t>(random() % 1'000'000'000);
      candidates[i].failed = random() % 200 == 0;
      slowest = candidates[i].latency_ns > candidates[slowest].latency_ns ? i : slowest;
    }
    const auto decisions = DecideRows(candidates, tokens, 0);
    size_t kept = 0;
    double weight = 0;
    for (const RowDecision& decision : decisions) {
      kept += decision.keep ? 1 : 0;
      weight += decision.keep ? decision.weight : 0;
    }
    EXPECT_LE(kept, std::max(tokens, std::min(count, tokens)));
    EXPECT_TRUE(decisions[slowest].keep);
    EXPECT_NEAR(weight, static_cast<double>(count), 1 + static_cast<double>(count) / 100)
        << count << " candidates, " << tokens << " tokens";
  }
}

}  // namespace
}  // namespace pinfo

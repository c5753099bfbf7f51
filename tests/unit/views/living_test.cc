#include "collector/views/living.h"

#include <random>

#include <gmock/gmock.h>

namespace pinfo {
namespace {

TEST(LivingTest, NobodyEverLived) {
  const Living living = CountLiving({}, 1000);
  EXPECT_EQ(living.created, 0);
  EXPECT_EQ(living.current, 0);
  EXPECT_EQ(living.max, 0);
  EXPECT_EQ(living.average, 0);
  EXPECT_EQ(living.lifetime_min_ns, 0);
}

TEST(LivingTest, AverageIsWeightedByTime) {
  // One lives 0 to 100, another 50 to 100: one and a half on average.
  const Living living = CountLiving({{0, 100}, {50, std::nullopt}}, 100);
  EXPECT_EQ(living.created, 2);
  EXPECT_EQ(living.current, 1);
  EXPECT_EQ(living.max, 2);
  EXPECT_DOUBLE_EQ(living.average, 1.5);
  EXPECT_EQ(living.lifetime_min_ns, 50);
  EXPECT_EQ(living.lifetime_mean_ns, 75);
  EXPECT_EQ(living.lifetime_max_ns, 100);
}

TEST(LivingTest, AWorkerReplacedAtTheSameMomentIsNotTwo) {
  const Living living = CountLiving({{0, 10}, {10, 20}, {20, 30}}, 1000);
  EXPECT_EQ(living.max, 1);
  EXPECT_EQ(living.current, 0);
  EXPECT_DOUBLE_EQ(living.average, 1);
}

TEST(LivingTest, AClockSetBackIsNoNegativeLife) {
  const Living living = CountLiving({{100, 50}, {200, std::nullopt}}, 150);
  EXPECT_EQ(living.lifetime_min_ns, 0);
  EXPECT_EQ(living.current, 1);
  EXPECT_GE(living.average, 0);
}

// Against counting at every moment.
TEST(LivingTest, AgreesWithCountingMomentByMoment) {
  std::mt19937 random(20260131);
  for (int round = 0; round < 200; ++round) {
    std::vector<Life> lives;
    const int64_t now = 100;
    for (int i = std::uniform_int_distribution(1, 8)(random); i > 0; --i) {
      const int64_t start = std::uniform_int_distribution<int64_t>(0, 99)(random);
      const int64_t end = std::uniform_int_distribution<int64_t>(start + 1, now)(random);
      lives.push_back({start, end == now ? std::nullopt : std::optional(end)});
    }
    int64_t sum = 0;
    int64_t most = 0;
    int64_t first = now;
    int64_t last = 0;
    for (const Life& life : lives) {
      first = std::min(first, life.start_wall_ns);
      last = std::max(last, life.end_wall_ns.value_or(now));
    }
    for (int64_t at = first; at < last; ++at) {
      int64_t living = 0;
      for (const Life& life : lives) {
        living += life.start_wall_ns <= at && at < life.end_wall_ns.value_or(now) ? 1 : 0;
      }
      sum += living;
      most = std::max(most, living);
    }
    const Living living = CountLiving(lives, now);
    EXPECT_EQ(living.max, most);
    EXPECT_NEAR(living.average, static_cast<double>(sum) / static_cast<double>(last - first), 1e-9);
  }
}

}  // namespace
}  // namespace pinfo

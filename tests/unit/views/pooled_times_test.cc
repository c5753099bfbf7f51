#include "collector/views/pooled_times.h"

#include <gtest/gtest.h>

namespace pinfo {
namespace {

TEST(PooledTimesTest, AddsUpThoseOfWhichTheSameIsKnown) {
  PooledTimes times;
  times.Add({.latency_ns = 10, .on_cpu_ns = 4, .blocked_ns = 5, .waiting_ns = 1});
  times.Add({.latency_ns = 20, .on_cpu_ns = 20, .blocked_ns = 0});
  times.Add({.latency_ns = 7});
  times.Add({.latency_ns = -3});
  const PooledTimes::Sum& known = times.Of(kOnCpuKnown | kBlockedKnown);
  EXPECT_EQ(known.requests, 2);
  EXPECT_EQ(known.times.latency_ns, 30);
  EXPECT_EQ(known.times.on_cpu_ns, 24);
  EXPECT_EQ(known.times.blocked_ns, 5);
  EXPECT_EQ(known.times.waiting_ns, 1);
  EXPECT_EQ(known.times.runqueue_ns, std::nullopt);
  EXPECT_EQ(times.Of(kNothingKnown).requests, 2);
  EXPECT_EQ(times.Of(kNothingKnown).times.latency_ns, 7) << "a latency below 0 counts as 0";
  EXPECT_EQ(times.Of(kNothingKnown).times.on_cpu_ns, std::nullopt);
  EXPECT_EQ(times.Of(kOnCpuKnown).requests, 0);
}

TEST(PartsIndexTest, FindsWhatWasAddedInAnyOrder) {
  PartsIndex index;
  index.Add({7}, kOnCpuKnown);
  index.Add({3}, kNothingKnown);
  index.Add({int64_t{1} << 50}, kBlockedKnown);
  index.Sort();
  EXPECT_EQ(index.Find({3}), kNothingKnown);
  EXPECT_EQ(index.Find({7}), kOnCpuKnown);
  EXPECT_EQ(index.Find({int64_t{1} << 50}), kBlockedKnown);
  EXPECT_EQ(index.Find({4}), std::nullopt);
  EXPECT_EQ(PartsIndex().Find({1}), std::nullopt);
}

}  // namespace
}  // namespace pinfo

#include "collector/base/histogram.h"

#include <random>

#include <gtest/gtest.h>

namespace pinfo {
namespace {

// Buckets are stored: their numbers never change.
TEST(Histogram, BucketsKeepTheirNumbers) {
  EXPECT_EQ(HistogramBucket(INT64_MIN), 0);
  EXPECT_EQ(HistogramBucket(-1), 0);
  EXPECT_EQ(HistogramBucket(0), 0);
  EXPECT_EQ(HistogramBucket(15), 15);
  EXPECT_EQ(HistogramBucket(16), 16);
  EXPECT_EQ(HistogramBucket(31), 31);
  EXPECT_EQ(HistogramBucket(32), 32);
  EXPECT_EQ(HistogramBucket(33), 32);
  EXPECT_EQ(HistogramBucket(1'000'000), 270);
  EXPECT_EQ(HistogramBucket(INT64_MAX), 959);
}

TEST(Histogram, LowerBoundsAreTheFirstValuesOfTheirBuckets) {
  for (uint16_t bucket = 0; bucket <= 959; ++bucket) {
    const int64_t lower = HistogramLowerBound(bucket);
    ASSERT_EQ(HistogramBucket(lower), bucket);
    if (bucket > 0) {
      ASSERT_EQ(HistogramBucket(lower - 1), bucket - 1);
    }
  }
}

TEST(Histogram, ABucketIsAtMostASixteenthWide) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    const auto value = static_cast<int64_t>(random() >> (1 + random() % 60));
    const int64_t lower = HistogramLowerBound(HistogramBucket(value));
    ASSERT_LE(lower, value);
    ASSERT_LE(value - lower, lower / 16 + 1) << value;
  }
}

}  // namespace
}  // namespace pinfo

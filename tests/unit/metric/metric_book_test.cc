#include "collector/metric/metric_book.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace pinfo {
namespace {

constexpr int64_t kMinuteNs = 60 * kSecondNs;
constexpr int64_t kNow = 1'000 * kMinuteNs;

MetricSample Only(MetricBook& book, int64_t wall_ns = kNow, bool all = true) {
  std::vector<MetricSample> samples = book.Take(wall_ns, all);
  EXPECT_EQ(samples.size(), 1U);
  return samples.empty() ? MetricSample() : samples.front();
}

TEST(MetricBook, CountsAndSumsASampledCounter) {
  MetricBook book(10);
  EXPECT_EQ(book.AddDatagram("a:5|c\na:1|c|@0.1\r\n\na:2|c", kNow), 0U);
  const MetricSample sample = Only(book);
  EXPECT_EQ(sample.name, "a");
  EXPECT_DOUBLE_EQ(sample.point.count, 12);
  EXPECT_DOUBLE_EQ(sample.point.sum, 17);
  EXPECT_DOUBLE_EQ(sample.point.min, 1);
  EXPECT_DOUBLE_EQ(sample.point.max, 5);
  EXPECT_DOUBLE_EQ(sample.point.last, 2);
  EXPECT_TRUE(book.Take(kNow, true).empty()) << "what was taken is gone";
}

TEST(MetricBook, OneBadLineSpoilsNoOther) {
  MetricBook book(10);
  EXPECT_EQ(book.AddDatagram("a:1|c\ngarbage\na:1|c\n\x80\xff:1|c", kNow), 2U);
  EXPECT_DOUBLE_EQ(Only(book).point.sum, 2);
}

TEST(MetricBook, AGaugeKeepsItsLastValue) {
  MetricBook book(10);
  book.AddDatagram("a:10|g\na:+5|g\na:-1|g", kNow);
  const MetricSample sample = Only(book);
  EXPECT_DOUBLE_EQ(sample.point.last, 14);
  EXPECT_DOUBLE_EQ(sample.point.max, 15);
  EXPECT_FALSE(sample.relative);
}

TEST(MetricBook, DifferencesBeforeAnyValueAreRelativeToTheStore) {
  MetricBook book(10);
  book.AddDatagram("a:+5|g\na:+2|g\na:3|g\na:+1|g", kNow);
  const std::vector<MetricSample> samples = book.Take(kNow, true);
  ASSERT_EQ(samples.size(), 2U);
  EXPECT_TRUE(samples[0].relative);
  EXPECT_DOUBLE_EQ(samples[0].point.last, 7);
  EXPECT_FALSE(samples[1].relative);
  EXPECT_DOUBLE_EQ(samples[1].point.last, 4);
}

TEST(MetricBook, ATimingHasAHistogram) {
  MetricBook book(10);
  book.AddDatagram("a:10|ms\na:10|ms|@0.5\na:1000|ms", kNow);
  const MetricSample sample = Only(book);
  ASSERT_EQ(sample.histogram.size(), 2U);
  EXPECT_DOUBLE_EQ(sample.histogram[0].second, 3);
  const std::map<uint16_t, double> histogram(sample.histogram.begin(), sample.histogram.end());
  EXPECT_NEAR(*HistogramPercentile(histogram, 50), 10, 0.7);
  EXPECT_NEAR(*HistogramPercentile(histogram, 99), 1000, 65);
  EXPECT_FALSE(HistogramPercentile({}, 50));
}

TEST(MetricBook, ASetCountsEachOnceAMinute) {
  MetricBook book(10);
  book.AddDatagram("u:ann|s\nu:bob|s\nu:ann|s", kNow);
  EXPECT_TRUE(book.Take(kNow + 1, /*all=*/false).empty()) << "its minute is not over";
  book.AddDatagram("u:eve|s", kNow + 2);
  const MetricSample first = Only(book, kNow + kMinuteNs, /*all=*/false);
  EXPECT_DOUBLE_EQ(first.point.sum, 3);
  EXPECT_DOUBLE_EQ(first.point.count, 1);
}

TEST(MetricBook, MinutesAreApart) {
  MetricBook book(10);
  book.AddDatagram("a:1|c", kNow);
  book.AddDatagram("a:1|c", kNow + kMinuteNs);
  EXPECT_EQ(book.Take(kNow, true).size(), 2U);
}

TEST(MetricBook, TagsAreSeriesOfTheirOwn) {
  MetricBook book(10);
  book.AddDatagram("a:1|c|#x:1\na:1|c|#x:2\na:1|c", kNow);
  EXPECT_EQ(book.Take(kNow, true).size(), 3U);
}

TEST(MetricBook, WhatIsTooMuchIsCounted) {
  MetricBook book(2, 2);
  book.AddDatagram("a:1|c\nb:1|c\nc:1|c\na:1|c", kNow);
  EXPECT_EQ(book.counts().too_many_series, 1);
  EXPECT_EQ(book.Take(kNow, true).size(), 2U);
  book.AddDatagram("s:1|s\ns:2|s\ns:3|s", kNow);
  EXPECT_EQ(book.counts().too_many_members, 1);
}

}  // namespace
}  // namespace pinfo

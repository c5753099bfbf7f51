#include "html/time_series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/base/histogram.h"
#include "html/machine_history.h"
#include "tests/unit/html/fake_reader.h"

namespace pinfo::html {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMinute = 60 * kSecond;

LatencySummary Counted(int64_t count, int64_t sum_ns) {
  LatencySummary latency;
  latency.count = count;
  latency.sum_ns = sum_ns;
  return latency;
}

TEST(TimeSeriesTest, FillsGapsAndKnowsNoLatencyThere) {
  FakeReader reader;
  reader.minutes = {{100, Counted(4, 40)}, {200, Counted(2, 40)}};
  reader.latency_history = {{100 * kMinute, HistogramBucket(10), 4},
                            {200 * kMinute, HistogramBucket(20), 2}};
  const Result<TimeSeries> series = LoadTimeSeries(reader, {});
  ASSERT_TRUE(series);
  EXPECT_EQ(series->bin_ns, kMinute);
  ASSERT_EQ(series->bins.size(), 101U);
  const nlohmann::json json = SeriesJson(*series);
  EXPECT_EQ(json["start_us"], 100 * kMinute / 1000);
  EXPECT_EQ(json["count"][0], 4);
  EXPECT_EQ(json["count"][1], 0);
  EXPECT_EQ(json["mean_ns"][0], 10);
  EXPECT_TRUE(json["mean_ns"][1].is_null());
  EXPECT_TRUE(json["p99_ns"][1].is_null());
  EXPECT_EQ(json["p50_ns"][100], 20);
  EXPECT_EQ(json["heat"], (nlohmann::json{0, 10, 4, 100, HistogramBucket(20), 2}));
}

TEST(TimeSeriesTest, IsBoundedWhateverTheClockDid) {
  FakeReader reader;
  reader.minutes = {{0, Counted(1, 1)}, {28'000'000, Counted(1, 1)}};
  const Result<TimeSeries> series = LoadTimeSeries(reader, {});
  ASSERT_TRUE(series);
  EXPECT_LE(series->bins.size(), static_cast<size_t>(kSeriesBins));
  EXPECT_EQ(series->bins.back().count, 1);
  EXPECT_EQ(series->bins.front().count, 1);
}

TEST(TimeSeriesTest, AFewMinutesAreShownBySeconds) {
  FakeReader reader;
  const int64_t start = 1'000'000 * kMinute;
  reader.minutes = {{1'000'000, Counted(30, 1)}};
  for (int64_t i = 0; i < 30; ++i) {
    RequestRow row = MakeRequest(i, 1000 * (i + 1));
    row.start_wall_ns = start + i * kSecond;
    row.weight = 2;
    row.status = i == 3 ? 503 : 200;
    row.outcome = i == 5 ? Outcome::kPartial : Outcome::kComplete;
    reader.requests.push_back(row);
  }
  const Result<TimeSeries> series = LoadTimeSeries(reader, {});
  ASSERT_TRUE(series);
  EXPECT_EQ(series->bin_ns, kSecond);
  EXPECT_EQ(series->start_wall_ns, start);
  ASSERT_EQ(series->bins.size(), 30U);
  EXPECT_EQ(series->bins[4].count, 2);
  EXPECT_EQ(series->bins[4].failed, 0);
  EXPECT_EQ(series->bins[3].failed, 2);
  EXPECT_EQ(series->bins[4].latency_sum_ns, 2 * 5000);
  EXPECT_EQ(series->bins[5].timed, 0) << "the latency of what was under way is not known";
}

TEST(TimeSeriesTest, NothingIsAnEmptySeries) {
  FakeReader reader;
  const Result<TimeSeries> series = LoadTimeSeries(reader, {});
  ASSERT_TRUE(series);
  EXPECT_TRUE(series->bins.empty());
  EXPECT_TRUE(SeriesJson(*series)["count"].empty());
}

TEST(PercentileOfTest, IsTheMiddleOfItsBucket) {
  EXPECT_EQ(PercentileOf({}, 50), std::nullopt);
  EXPECT_EQ(PercentileOf({{3, 1.0}}, 99), 3);
  EXPECT_EQ(PercentileOf({{3, 99.0}, {5, 1.0}}, 99), 3);
  EXPECT_EQ(PercentileOf({{3, 98.0}, {5, 2.0}}, 99), 5);
  // Weights are fractions.
  EXPECT_EQ(PercentileOf({{3, 0.1 + 0.2}, {5, 1e-12}}, 100), 3);
}

TEST(MachineHistoryTest, BusyIsWhatChangedAndUnknownAfterAReboot) {
  FakeReader reader;
  SystemRow row;
  row.host = "machine";
  row.cpus = 2;
  row.wall_ns = 10 * kSecond;
  row.cpu_busy_ns = 100;
  row.cpu_idle_ns = 100;
  reader.system_history.push_back(row);
  row.wall_ns += 2 * kSecond;
  row.cpu_busy_ns += 30;
  row.cpu_idle_ns += 10;
  row.memory_total_bytes = 100;
  row.memory_available_bytes = 40;
  row.io_pressure_bp = 250;
  reader.system_history.push_back(row);
  SystemRow rebooted = row;
  rebooted.wall_ns += 2 * kSecond;
  rebooted.cpu_busy_ns = 1;
  reader.system_history.push_back(rebooted);
  reader.latest_systems = {rebooted};
  reader.process_history = {
      {.wall_ns = 10 * kSecond, .processes = 3, .rss_bytes = 7, .cpu_ns = 5, .threads = 4}};
  const Result<nlohmann::json> history = MachineHistoryJson(reader, {});
  ASSERT_TRUE(history);
  const nlohmann::json& points = (*history)["systems"][0]["points"];
  ASSERT_EQ(points.size(), 3U);
  EXPECT_TRUE(points[0][2].is_null());
  EXPECT_EQ(points[1][2], 0.75);
  EXPECT_EQ(points[1][3], 60);
  EXPECT_TRUE(points[1][4].is_null());
  EXPECT_EQ(points[1][6], 250);
  EXPECT_TRUE(points[2][2].is_null());
  EXPECT_EQ((*history)["processes"][0], (nlohmann::json{10'000'000, 3, 7, 5, 4}));
}

}  // namespace
}  // namespace pinfo::html

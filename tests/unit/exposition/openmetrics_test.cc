#include "collector/exposition/openmetrics.h"

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/base/histogram.h"
#include "collector/config/configuration.h"
#include "collector/store/sqlite_store.h"

namespace pinfo {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(OpenMetrics, EndsAsItMust) {
  const std::string text = RenderExposition({}, ExpositionFormat::kOpenMetrics);
  EXPECT_TRUE(text.ends_with("\n# EOF\n"));
}

TEST(OpenMetrics, CountsAndBuckets) {
  Exposition exposition;
  RequestCounts counts;
  counts.count = 3;
  counts.failed = 1;
  counts.latency_sum_ns = 3'000'000'000;
  counts.histogram = {{HistogramBucket(1'000'000), 2}, {HistogramBucket(100'000'000'000), 1}};
  exposition.requests[{.site = "s", .route = "/r", .method = "GET", .status = 200}] = counts;
  const std::string text = RenderExposition(exposition, ExpositionFormat::kOpenMetrics);
  const std::string labels = "site=\"s\",route=\"/r\"";
  EXPECT_THAT(text,
              HasSubstr("pinfo_requests_total{" + labels + ",method=\"GET\",status=\"200\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("pinfo_request_errors_total{" + labels +
                              ",method=\"GET\",status=\"200\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{" + labels + ",le=\"0.000524288\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{" + labels + ",le=\"0.001048576\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{" + labels + ",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("_count{" + labels + "} 3\n"));
  EXPECT_THAT(text, HasSubstr("_sum{" + labels + "} 3\n"));
}

TEST(OpenMetrics, HostileNamesAreData) {
  Exposition exposition;
  exposition
      .requests[{.site = "a\"} 1\npinfo_evil 2", .route = "\\\xff", .method = "G", .status = 0}]
      .count = 1;
  MetricValue value;
  value.metric.metric.name = "9 lives\n# TYPE x counter";
  value.metric.metric.title = "two\nlines";
  value.days.push_back(
      {.tags = "le:1,9x:2,a b:3,a-b:\"4\"",
       .points = {{.start_s = 0, .count = 1, .sum = 2, .min = 2, .max = 2, .last = 2}}});
  exposition.metrics = {value, value};
  const std::string text = RenderExposition(exposition, ExpositionFormat::kOpenMetrics);
  EXPECT_THAT(text, Not(HasSubstr("\npinfo_evil")));
  EXPECT_THAT(text, HasSubstr("site=\"a\\\"} 1\\npinfo_evil 2\",route=\"\\\\\xef\xbf\xbd\""));
  EXPECT_THAT(text, HasSubstr("tag_le=\"1\",tag_9x=\"2\",a_b=\"3\",tag_a_b=\"\\\"4\\\"\""));
  EXPECT_THAT(text, HasSubstr("# HELP pinfo_metric_9_lives___TYPE_x_counter two\\nlines"));
}

TEST(OpenMetrics, TheOlderFormatIsForWhoAsksForNone) {
  EXPECT_EQ(FormatFor("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
            ExpositionFormat::kOpenMetrics);
  EXPECT_EQ(FormatFor("*/*"), ExpositionFormat::kText);
  const std::string text = RenderExposition({}, ExpositionFormat::kText);
  EXPECT_THAT(text, HasSubstr("# TYPE pinfo_requests_total counter\n"));
  EXPECT_THAT(text, Not(HasSubstr("# EOF")));
  EXPECT_THAT(text, Not(HasSubstr("# UNIT")));
}

TEST(OpenMetrics, EachKindOfMetric) {
  Exposition exposition;
  for (const auto& [name, kind] : {std::pair{"c", MetricKind::kCounter},
                                   {"g_total", MetricKind::kGauge},
                                   {"t", MetricKind::kTiming}}) {
    MetricValue value;
    value.metric.metric.name = name;
    value.metric.metric.kind = static_cast<uint8_t>(kind);
    value.days.push_back(
        {.tags = "",
         .points = {{.start_s = 0, .count = 2, .sum = 5, .min = 1, .max = 4, .last = 4},
                    {.start_s = 86'400, .count = 1, .sum = 3, .min = 3, .max = 3, .last = 3}}});
    exposition.metrics.push_back(value);
  }
  const std::string text = RenderExposition(exposition, ExpositionFormat::kOpenMetrics);
  EXPECT_THAT(text, HasSubstr("\npinfo_metric_c_total 8\n"));
  EXPECT_THAT(text, HasSubstr("\npinfo_metric_c_values_total 3\n"));
  EXPECT_THAT(text, HasSubstr("\npinfo_metric_g_total_ 3\n"));
  EXPECT_THAT(text, HasSubstr("\npinfo_metric_t_count 3\npinfo_metric_t_sum 8\n"));
}

// Minutes that retention deletes stay counted: what Prometheus takes for a reset would count twice.
TEST(RequestTotals, OnlyGrow) {
  std::string name = testing::TempDir() + "pinfo-exposition-XXXXXX";
  const std::filesystem::path folder = mkdtemp(name.data());
  const std::string path = folder / "pinfo.db";
  const int64_t first = 1'000'000;
  const auto add = [&](int64_t minute, int64_t count) {
    auto store = OpenSqliteStore(path);
    MinuteRow row;
    row.site = "s";
    row.route = "/";
    row.method = "GET";
    row.status = 200;
    row.minute = minute;
    row.count = count;
    row.histogram = {{100, count}};
    EXPECT_TRUE((*store)->Begin());
    EXPECT_TRUE((*store)->AddMinute(row));
    EXPECT_TRUE((*store)->Commit());
  };
  RequestTotals totals(first * 60 * kSecondNs);
  const auto update = [&](int64_t minute) {
    auto reader = OpenExpositionReader(path);
    EXPECT_TRUE(totals.Update(**reader, minute * 60 * kSecondNs));
    return totals.totals().empty() ? 0 : totals.totals().begin()->second.count;
  };
  add(first - 1, 100);
  EXPECT_EQ(update(first), 0) << "before it began";
  add(first, 5);
  EXPECT_EQ(update(first), 5);
  add(first, 2);
  add(first + 1, 1);
  EXPECT_EQ(update(first + 1), 8);
  EXPECT_EQ(update(first + 1), 8) << "each once";
  EXPECT_EQ(update(first + 100), 8);
  auto store = OpenSqliteStore(path);
  EXPECT_TRUE((*store)->Retain((first + 200) * 60 * kSecondNs,
                               {.max_age_ns = 60 * kSecondNs, .max_bytes = int64_t{1} << 40}));
  add(first + 199, 3);
  EXPECT_EQ(update(first + 200), 11);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace pinfo

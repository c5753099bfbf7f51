#include <algorithm>

#include <fmt/format.h>

#include "collector/base/histogram.h"
#include "collector/store/metric_store.h"
#include "collector/store/reader_queries.h"
#include "collector/store/sqlite_open.h"

namespace pinfo {
namespace {

using sqlite::Database;
using sqlite::ForEachRow;
using sqlite::Statement;

constexpr double kMillionths = 1e6;

// Every point of a day is also in its minutes and hours, so days alone are the whole.
constexpr const char* kSummaries =
    "SELECT m.name, m.kind, m.title, m.unit, m.group_name, m.position, m.chart, m.declared,"
    " (SELECT count(*) FROM metric_series s WHERE s.metric_id = m.id),"
    " (SELECT sum(p.count) FROM metric_series s JOIN metric_point p ON p.series_id = s.id"
    "  AND p.resolution = 86400 WHERE s.metric_id = m.id),"
    " (SELECT sum(p.sum) FROM metric_series s JOIN metric_point p ON p.series_id = s.id"
    "  AND p.resolution = 86400 WHERE s.metric_id = m.id),"
    " l.last_value, l.last_wall_ns"
    " FROM metric m LEFT JOIN metric_series l ON l.id = (SELECT s.id FROM metric_series s"
    "  WHERE s.metric_id = m.id ORDER BY s.last_wall_ns DESC LIMIT 1)";

MetricSummary SummaryOf(const Statement& row) {
  MetricSummary summary;
  summary.metric = {.name = std::string(row.Text(0)),
                    .kind = static_cast<uint8_t>(row.Int(1)),
                    .title = std::string(row.Text(2)),
                    .unit = std::string(row.Text(3)),
                    .group = std::string(row.Text(4)),
                    .order = static_cast<int32_t>(row.Int(5)),
                    .chart = static_cast<uint8_t>(row.Int(6)),
                    .declared = row.Int(7) != 0};
  summary.series = row.Int(8);
  summary.count = row.Real(9);
  summary.sum = row.Real(10);
  if (!row.IsNull(11)) {
    summary.last = row.Real(11);
  }
  summary.last_wall_ns = row.Int(12);
  return summary;
}

class SqliteMetricReader : public MetricReader {
 public:
  explicit SqliteMetricReader(Database database) : database_(std::move(database)) {}

  Result<std::vector<MetricSummary>> Metrics() override {
    std::vector<MetricSummary> metrics;
    const Status status = ForEachRow(
        database_, fmt::format("{} ORDER BY m.group_name, m.position, m.name", kSummaries),
        [&](const Statement& row) {
          metrics.push_back(SummaryOf(row));
          return true;
        });
    return status ? Result<std::vector<MetricSummary>>(std::move(metrics))
                  : tl::unexpected(status.error());
  }

  Result<std::optional<MetricSummary>> Find(const std::string& name) override {
    std::optional<MetricSummary> found;
    const Status status = ForEachRow(
        database_, fmt::format("{} WHERE m.name = ?1", kSummaries),
        [&](const Statement& row) {
          found = SummaryOf(row);
          return false;
        },
        name);
    return status ? Result<std::optional<MetricSummary>>(std::move(found))
                  : tl::unexpected(status.error());
  }

  Result<std::vector<SeriesPoints>> Points(const std::string& name, int64_t resolution_s,
                                           int64_t since_s) override {
    std::vector<SeriesPoints> series;
    const Status status = ForEachRow(
        database_,
        "SELECT s.tags, p.start_s, p.count, p.sum, p.min, p.max, p.last FROM metric m"
        " JOIN metric_series s ON s.metric_id = m.id JOIN metric_point p ON p.series_id = s.id"
        " WHERE m.name = ?1 AND p.resolution = ?2 AND p.start_s >= ?3 ORDER BY s.tags, p.start_s",
        [&](const Statement& row) {
          if (series.empty() || series.back().tags != row.Text(0)) {
            series.push_back({.tags = std::string(row.Text(0)), .points = {}});
          }
          series.back().points.push_back({.start_s = row.Int(1),
                                          .count = row.Real(2),
                                          .sum = row.Real(3),
                                          .min = row.Real(4),
                                          .max = row.Real(5),
                                          .last = row.Real(6)});
          return true;
        },
        name, resolution_s, since_s);
    return status ? Result<std::vector<SeriesPoints>>(std::move(series))
                  : tl::unexpected(status.error());
  }

  Result<std::map<std::string, MetricWindow>> Windows(int64_t since_s, bool histograms) override {
    std::map<std::string, MetricWindow> windows;
    // In the order of time, so that what comes last is the newest.
    Status status = ForEachRow(
        database_,
        "SELECT m.name, p.count, p.sum, p.min, p.max, p.last FROM metric m"
        " JOIN metric_series s ON s.metric_id = m.id JOIN metric_point p ON p.series_id = s.id"
        " AND p.resolution = 60 AND p.start_s >= ?1 ORDER BY m.id, p.start_s, s.last_wall_ns",
        [&](const Statement& row) {
          const auto [at, is_new] = windows.try_emplace(std::string(row.Text(0)));
          MetricWindow& window = at->second;
          window.count += row.Real(1);
          window.sum += row.Real(2);
          window.min = is_new ? row.Real(3) : std::min(window.min, row.Real(3));
          window.max = is_new ? row.Real(4) : std::max(window.max, row.Real(4));
          window.last = row.Real(5);
          return true;
        },
        since_s);
    if (status && histograms) {
      status = ForEachRow(
          database_,
          "SELECT m.name, b.bucket, sum(b.count) FROM metric m JOIN metric_series s"
          " ON s.metric_id = m.id JOIN metric_bucket b ON b.series_id = s.id AND b.start_s >= ?1"
          " GROUP BY m.id, b.bucket",
          [&](const Statement& row) {
            windows[std::string(row.Text(0))].histogram[static_cast<uint16_t>(row.Int(1))] =
                row.Real(2);
            return true;
          },
          since_s);
    }
    return status ? Result<std::map<std::string, MetricWindow>>(std::move(windows))
                  : tl::unexpected(status.error());
  }

  Result<std::map<std::string, int64_t>> Counts() override {
    std::map<std::string, int64_t> counts;
    const Status status = ForEachRow(database_, "SELECT name, value FROM monitoring_figure",
                                     [&](const Statement& row) {
                                       counts[std::string(row.Text(0))] = row.Int(1);
                                       return true;
                                     });
    return status ? Result<std::map<std::string, int64_t>>(std::move(counts))
                  : tl::unexpected(status.error());
  }

 private:
  Database database_;
};

}  // namespace

Result<std::unique_ptr<MetricReader>> OpenMetricReader(const std::string& path) {
  Result<Database> database = sqlite::OpenForReading(path);
  if (!database) {
    return tl::unexpected(database.error());
  }
  return std::make_unique<SqliteMetricReader>(std::move(*database));
}

std::optional<double> HistogramPercentile(const std::map<uint16_t, double>& histogram,
                                          double percent, WithinBucket within) {
  double total = 0;
  for (const auto& [bucket, count] : histogram) {
    total += count;
  }
  double seen = 0;
  for (const auto& [bucket, count] : histogram) {
    seen += count;
    if (seen >= total * percent / 100 && seen > 0) {
      const auto lower = static_cast<double>(HistogramLowerBound(bucket));
      const auto upper =
          static_cast<double>(HistogramLowerBound(static_cast<uint16_t>(bucket + 1)));
      return (within == WithinBucket::kUpperEdge ? upper : (lower + upper) / 2) / kMillionths;
    }
  }
  return std::nullopt;
}

}  // namespace pinfo

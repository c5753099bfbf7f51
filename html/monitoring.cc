#include "html/monitoring.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "collector/config/configuration.h"
#include "html/data_script.h"
#include "html/mask.h"
#include "html/request_json.h"

namespace pinfo::html {
namespace {

constexpr int64_t kChangesShown = 2000;
// More than a chart can tell apart; what is over it is counted.
constexpr size_t kSeriesShown = 6;
constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 3600;
constexpr int64_t kDay = 86'400;
// As fine as a chart of the time can show, and as is kept.
constexpr int64_t kByMinuteSeconds = 2 * kDay;
constexpr int64_t kByHourSeconds = 90 * kDay;

nlohmann::json Number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

nlohmann::json MonitorJson(const MonitorRow& row) {
  return {{"name", row.name},
          {"title", row.title},
          {"description", row.description},
          {"group", row.group},
          {"unit", row.unit},
          {"level", row.level},
          {"since_us", Microseconds(row.since_wall_ns)},
          {"checked_us", Microseconds(row.checked_wall_ns)},
          {"value", Number(row.value)},
          {"warning", Number(row.warning)},
          {"problem", Number(row.problem)},
          {"text", Shorten(row.text, kListedTextBytes)}};
}

int64_t FirstStart(const std::vector<SeriesPoints>& series) {
  int64_t first = INT64_MAX;
  for (const SeriesPoints& each : series) {
    if (!each.points.empty()) {
      first = std::min(first, each.points.front().start_s);
    }
  }
  return first;
}

struct Points {
  int64_t resolution_s = kDay;
  std::vector<SeriesPoints> series;
};

Result<Points> PointsOf(MetricReader& reader, const MetricSummary& summary) {
  Result<std::vector<SeriesPoints>> days = reader.Points(summary.metric.name, kDay, 0);
  if (!days) {
    return tl::unexpected(days.error());
  }
  const int64_t last = summary.last_wall_ns / 1'000'000'000;
  const int64_t span = last - FirstStart(*days);
  if (span > kByHourSeconds) {
    return Points{.resolution_s = kDay, .series = std::move(*days)};
  }
  const int64_t resolution = span > kByMinuteSeconds ? kHour : kMinute;
  Result<std::vector<SeriesPoints>> fine = reader.Points(summary.metric.name, resolution, 0);
  if (!fine) {
    return tl::unexpected(fine.error());
  }
  // Minutes are kept for a time only.
  if (FirstStart(*fine) > FirstStart(*days) + kDay) {
    return Points{.resolution_s = kDay, .series = std::move(*days)};
  }
  return Points{.resolution_s = resolution, .series = std::move(*fine)};
}

nlohmann::json SeriesJson(std::vector<SeriesPoints> series) {
  // The largest of them are shown.
  const auto sum = [](const SeriesPoints& each) {
    double all = 0;
    for (const MetricPoint& point : each.points) {
      all += std::abs(point.sum);
    }
    return all;
  };
  std::ranges::stable_sort(series, std::greater{}, sum);
  series.resize(std::min(series.size(), kSeriesShown));
  nlohmann::json rows = nlohmann::json::array();
  for (const SeriesPoints& each : series) {
    nlohmann::json points = nlohmann::json::array();
    for (const MetricPoint& point : each.points) {
      points.push_back({point.start_s, Number(point.count), Number(point.sum), Number(point.min),
                        Number(point.max), Number(point.last)});
    }
    rows.push_back({{"tags", Shorten(each.tags, kListedTextBytes)}, {"points", std::move(points)}});
  }
  return rows;
}

}  // namespace

Result<MonitoringPages> PagesOf(const MonitoringSource& source) {
  MonitoringPages pages;
  if (source.monitors) {
    const auto reader = source.monitors();
    const auto rows = reader ? (*reader)->Monitors() : tl::unexpected(reader.error());
    if (!rows) {
      return tl::unexpected(rows.error());
    }
    pages.monitors = !rows->empty();
  }
  if (source.metrics) {
    const auto reader = source.metrics();
    const auto rows = reader ? (*reader)->Metrics() : tl::unexpected(reader.error());
    if (!rows) {
      return tl::unexpected(rows.error());
    }
    pages.metrics = !rows->empty();
  }
  return pages;
}

Result<nlohmann::json> MonitorsData(const MonitoringSource& source) {
  nlohmann::json monitors = nlohmann::json::array();
  nlohmann::json changes = nlohmann::json::array();
  nlohmann::json messages = {{"waiting", 0}, {"sent", 0}, {"given_up", 0}, {"last_error", ""}};
  if (source.monitors) {
    const auto reader = source.monitors();
    if (!reader) {
      return tl::unexpected(reader.error());
    }
    const auto rows = (*reader)->Monitors();
    const auto changed = (*reader)->Changes(std::nullopt, kChangesShown);
    const auto counts = (*reader)->Notifications();
    if (!rows || !changed || !counts) {
      return tl::unexpected(!rows ? rows.error() : !changed ? changed.error() : counts.error());
    }
    for (const MonitorRow& row : *rows) {
      monitors.push_back(MonitorJson(row));
    }
    for (const MonitorChange& change : *changed) {
      changes.push_back({{"name", change.name},
                         {"us", Microseconds(change.wall_ns)},
                         {"level", change.level},
                         {"text", Shorten(change.text, kListedTextBytes)}});
    }
    messages = {{"waiting", counts->waiting},
                {"sent", counts->sent},
                {"given_up", counts->given_up},
                {"last_error", Shorten(counts->last_error, kListedTextBytes)}};
  }
  return nlohmann::json{{"monitors", std::move(monitors)},
                        {"changes", std::move(changes)},
                        {"messages", std::move(messages)}};
}

Result<nlohmann::json> MetricsData(const MonitoringSource& source) {
  nlohmann::json rows = nlohmann::json::array();
  if (!source.metrics) {
    return rows;
  }
  const auto reader = source.metrics();
  if (!reader) {
    return tl::unexpected(reader.error());
  }
  const auto metrics = (*reader)->Metrics();
  if (!metrics) {
    return tl::unexpected(metrics.error());
  }
  for (const MetricSummary& each : *metrics) {
    Result<Points> points = PointsOf(**reader, each);
    if (!points) {
      return tl::unexpected(points.error());
    }
    rows.push_back(
        {{"name", each.metric.name},
         {"title", each.metric.title.empty() ? each.metric.name : each.metric.title},
         {"unit", each.metric.unit},
         {"group", each.metric.group},
         {"kind", MetricKindName(static_cast<MetricKind>(each.metric.kind))},
         {"chart", ChartKindName(static_cast<ChartKind>(each.metric.chart))},
         {"count", Number(each.count)},
         {"sum", Number(each.sum)},
         {"last", Number(each.last)},
         {"last_us", each.last_wall_ns == 0 ? nlohmann::json(nullptr)
                                            : nlohmann::json(Microseconds(each.last_wall_ns))},
         {"resolution_s", points->resolution_s},
         {"series_left", points->series.size() - std::min(points->series.size(), kSeriesShown)},
         {"series", SeriesJson(std::move(points->series))}});
  }
  return rows;
}

}  // namespace pinfo::html

#include "html/time_series.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "collector/base/histogram.h"
#include "html/data_script.h"

namespace pinfo::html {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kNsPerMinute = 60 * kNsPerSecond;
// Up to here rows are looked at: minutes would be a handful of bars.
constexpr int64_t kShortMinutes = 20;
constexpr int64_t kMostRowsLookedAt = 400'000;
// What people count time in.
constexpr std::array<int64_t, 6> kSecondSteps = {1, 2, 5, 10, 15, 30};
constexpr std::array<int64_t, 11> kMinuteSteps = {1, 2, 5, 10, 15, 30, 60, 120, 360, 720, 1440};

using Minutes = std::vector<std::pair<int64_t, LatencySummary>>;

// The least of the steps with which the span needs no more than the bins there are.
template <typename Steps>
int64_t StepFor(const Steps& steps, int64_t unit_ns, int64_t span_ns) {
  for (const int64_t step : steps) {
    if (span_ns / (step * unit_ns) < kSeriesBins - 1) {
      return step * unit_ns;
    }
  }
  const int64_t last = steps.back() * unit_ns;
  return (span_ns / (kSeriesBins - 2) / last + 1) * last;
}

TimeSeries EmptySeries(int64_t first_ns, int64_t last_ns, int64_t bin_ns) {
  TimeSeries series{.start_wall_ns = first_ns / bin_ns * bin_ns, .bin_ns = bin_ns, .bins = {}};
  series.bins.resize(static_cast<size_t>((last_ns - series.start_wall_ns) / bin_ns + 1));
  return series;
}

SeriesBin* BinAt(TimeSeries& series, int64_t wall_ns) {
  if (wall_ns < series.start_wall_ns) {
    return nullptr;
  }
  const auto index = static_cast<size_t>((wall_ns - series.start_wall_ns) / series.bin_ns);
  return index < series.bins.size() ? &series.bins[index] : nullptr;
}

RequestFilter RowsOf(const SummaryFilter& filter, RequestOrder order) {
  RequestFilter rows;
  rows.site = filter.site;
  rows.route = filter.route;
  rows.since_wall_ns = filter.since_wall_ns;
  rows.until_wall_ns = filter.until_wall_ns;
  rows.order = order;
  return rows;
}

Result<std::optional<int64_t>> FirstStart(Reader& reader, RequestFilter filter) {
  filter.limit = 1;
  std::optional<int64_t> start;
  const Status status = reader.ForEachRequest(filter, [&start](const RequestRow& row) {
    start = row.start_wall_ns;
    return false;
  });
  if (!status) {
    return tl::unexpected(status.error());
  }
  return start;
}

void AddRow(const RequestRow& row, TimeSeries& series) {
  SeriesBin* bin = BinAt(series, row.start_wall_ns);
  if (bin == nullptr) {
    return;
  }
  bin->count += row.weight;
  if (row.status >= 500 || row.outcome == Outcome::kAborted) {
    bin->failed += row.weight;
  }
  if (row.outcome != Outcome::kPartial) {
    bin->timed += row.weight;
    bin->latency_sum_ns += row.weight * static_cast<double>(row.latency_ns);
    bin->histogram[HistogramBucket(row.latency_ns)] += row.weight;
  }
}

// nullopt: there are no rows, or too many.
Result<std::optional<TimeSeries>> FromRows(Reader& reader, const SummaryFilter& filter) {
  const RequestFilter newest = RowsOf(filter, RequestOrder::kNewest);
  const Result<int64_t> count = reader.CountRequests(newest);
  if (!count) {
    return tl::unexpected(count.error());
  }
  if (*count == 0 || *count > kMostRowsLookedAt) {
    return std::nullopt;
  }
  const auto first = FirstStart(reader, RowsOf(filter, RequestOrder::kOldest));
  const auto last = FirstStart(reader, newest);
  for (const auto* each : {&first, &last}) {
    if (!*each) {
      return tl::unexpected(each->error());
    }
  }
  const int64_t span = **last - **first;
  if (span < 0 || span > kShortMinutes * kNsPerMinute) {
    return std::nullopt;
  }
  TimeSeries series = EmptySeries(**first, **last, StepFor(kSecondSteps, kNsPerSecond, 2 * span));
  const Status status = reader.ForEachRequest(newest, [&series](const RequestRow& row) {
    AddRow(row, series);
    return true;
  });
  if (!status) {
    return tl::unexpected(status.error());
  }
  return series;
}

Result<TimeSeries> FromMinutes(Reader& reader, const SummaryFilter& filter,
                               const Minutes& minutes) {
  const int64_t first = minutes.front().first * kNsPerMinute;
  const int64_t last = minutes.back().first * kNsPerMinute;
  TimeSeries series = EmptySeries(first, last, StepFor(kMinuteSteps, kNsPerMinute, last - first));
  for (const auto& [minute, latency] : minutes) {
    if (SeriesBin* bin = BinAt(series, minute * kNsPerMinute)) {
      bin->count += static_cast<double>(latency.count);
      bin->failed += static_cast<double>(latency.failed);
      bin->latency_sum_ns += static_cast<double>(latency.sum_ns);
    }
  }
  const auto history = reader.LatencyHistory(
      {.since_wall_ns = first, .until_wall_ns = last + kNsPerMinute, .bin_ns = series.bin_ns},
      filter.site, filter.route);
  if (!history) {
    return tl::unexpected(history.error());
  }
  for (const LatencyCount& each : *history) {
    if (SeriesBin* bin = BinAt(series, each.wall_ns)) {
      bin->timed += static_cast<double>(each.count);
      bin->histogram[each.bucket] += static_cast<double>(each.count);
    }
  }
  return series;
}

}  // namespace

Result<TimeSeries> LoadTimeSeries(Reader& reader, const SummaryFilter& filter) {
  const Result<Minutes> minutes = reader.Minutes(filter);
  if (!minutes) {
    return tl::unexpected(minutes.error());
  }
  if (minutes->empty()) {
    return TimeSeries();
  }
  if (minutes->back().first - minutes->front().first < kShortMinutes) {
    Result<std::optional<TimeSeries>> rows = FromRows(reader, filter);
    if (!rows) {
      return tl::unexpected(rows.error());
    }
    if (*rows) {
      return std::move(**rows);
    }
  }
  return FromMinutes(reader, filter, *minutes);
}

std::optional<int64_t> PercentileOf(const std::map<uint16_t, double>& histogram, int percent) {
  double all = 0;
  for (const auto& [bucket, count] : histogram) {
    all += count;
  }
  double seen = 0;
  for (const auto& [bucket, count] : histogram) {
    seen += count;
    // Weights are fractions: their sum may miss the last by a rounding error.
    if (seen >= all * percent / 100 - 1e-9 * all) {
      const int64_t lower = HistogramLowerBound(bucket);
      const int64_t upper = HistogramLowerBound(static_cast<uint16_t>(bucket + 1)) - 1;
      return lower + (upper - lower) / 2;
    }
  }
  return std::nullopt;
}

nlohmann::json SeriesJson(const TimeSeries& series) {
  nlohmann::json count = nlohmann::json::array();
  nlohmann::json failed = nlohmann::json::array();
  nlohmann::json mean = nlohmann::json::array();
  nlohmann::json heat = nlohmann::json::array();  // bin, bucket, count, and so on
  std::array<nlohmann::json, 3> percentiles;
  percentiles.fill(nlohmann::json::array());
  constexpr std::array<int, 3> kPercents = {50, 90, 99};
  for (size_t i = 0; i < series.bins.size(); ++i) {
    const SeriesBin& bin = series.bins[i];
    count.push_back(std::llround(bin.count));
    failed.push_back(std::llround(bin.failed));
    mean.push_back(bin.timed > 0 ? nlohmann::json(std::llround(bin.latency_sum_ns / bin.timed))
                                 : nlohmann::json(nullptr));
    for (size_t p = 0; p < kPercents.size(); ++p) {
      percentiles.at(p).push_back(OrNull(PercentileOf(bin.histogram, kPercents.at(p))));
    }
    for (const auto& [bucket, in_bucket] : bin.histogram) {
      heat.push_back(i);
      heat.push_back(bucket);
      heat.push_back(std::llround(in_bucket));
    }
  }
  return {{"start_us", Microseconds(series.start_wall_ns)},
          {"bin_us", Microseconds(series.bin_ns)},
          {"count", std::move(count)},
          {"failed", std::move(failed)},
          {"mean_ns", std::move(mean)},
          {"p50_ns", std::move(percentiles[0])},
          {"p90_ns", std::move(percentiles[1])},
          {"p99_ns", std::move(percentiles[2])},
          {"heat", std::move(heat)}};
}

}  // namespace pinfo::html

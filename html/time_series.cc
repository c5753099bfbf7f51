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

void AddRow(const RequestFigures& row, SeriesBin& bin) {
  bin.count += row.weight;
  if (row.status >= 500 || row.outcome == Outcome::kAborted) {
    bin.failed += row.weight;
  }
  if (row.outcome != Outcome::kPartial) {
    bin.timed += row.weight;
    bin.latency_sum_ns += row.weight * static_cast<double>(row.times.latency_ns);
    bin.histogram[HistogramBucket(row.times.latency_ns)] += row.weight;
  }
}

void AddBin(const SeriesBin& from, SeriesBin& to) {
  to.count += from.count;
  to.failed += from.failed;
  to.latency_sum_ns += from.latency_sum_ns;
  to.timed += from.timed;
  for (const auto& [bucket, count] : from.histogram) {
    to.histogram[bucket] += count;
  }
}

// Empty: there are no rows, or over too long a time.
Result<TimeSeries> FromRows(Reader& reader, const SummaryFilter& filter) {
  RequestFilter rows;
  rows.site = filter.site;
  rows.route = filter.route;
  rows.since_wall_ns = filter.since_wall_ns;
  rows.until_wall_ns = filter.until_wall_ns;
  ShortSeries series;
  const Status status = reader.ForEachFigures(rows, [&series](const RequestFigures& row) {
    series.Add(row);
    return true;
  });
  if (!status) {
    return tl::unexpected(status.error());
  }
  return series.Bins();
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

void ShortSeries::Add(const RequestFigures& row) {
  if (too_long_) {
    return;
  }
  const bool first = seconds_.empty();
  first_wall_ns_ = first ? row.start_wall_ns : std::min(first_wall_ns_, row.start_wall_ns);
  last_wall_ns_ = first ? row.start_wall_ns : std::max(last_wall_ns_, row.start_wall_ns);
  if (last_wall_ns_ - first_wall_ns_ > kShortMinutes * kNsPerMinute) {
    too_long_ = true;
    seconds_.clear();
    return;
  }
  AddRow(row, seconds_[row.start_wall_ns / kNsPerSecond]);
}

TimeSeries ShortSeries::Bins() const {
  if (seconds_.empty()) {
    return {};
  }
  const int64_t span = last_wall_ns_ - first_wall_ns_;
  TimeSeries series =
      EmptySeries(first_wall_ns_, last_wall_ns_, StepFor(kSecondSteps, kNsPerSecond, 2 * span));
  for (const auto& [second, bin] : seconds_) {
    if (SeriesBin* into = BinAt(series, second * kNsPerSecond)) {
      AddBin(bin, *into);
    }
  }
  return series;
}

Result<TimeSeries> LoadTimeSeries(Reader& reader, const SummaryFilter& filter,
                                  const ShortSeries* rows) {
  const Result<Minutes> minutes = reader.Minutes(filter);
  if (!minutes) {
    return tl::unexpected(minutes.error());
  }
  if (minutes->empty()) {
    return TimeSeries();
  }
  if (minutes->back().first - minutes->front().first < kShortMinutes) {
    Result<TimeSeries> series = rows == nullptr ? FromRows(reader, filter) : rows->Bins();
    if (!series || !series->bins.empty()) {
      return series;
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

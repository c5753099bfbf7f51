// Requests and their latencies over time, in evenly spaced bins: what the charts over time and the
// heat map show. Counted minutes are the source, so that nothing is missing where rows were thinned
// out; of a range of a few minutes the rows themselves are, in bins of seconds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "collector/base/result.h"
#include "collector/store/reader.h"

namespace pinfo::html {

// At most this many bins.
inline constexpr int64_t kSeriesBins = 240;

struct SeriesBin {
  double count = 0;  // rows count by weight
  double failed = 0;
  double latency_sum_ns = 0;
  double timed = 0;                      // requests behind latency_sum_ns and the histogram
  std::map<uint16_t, double> histogram;  // collector/base/histogram.h
};

struct TimeSeries {
  int64_t start_wall_ns = 0;
  int64_t bin_ns = 0;
  std::vector<SeriesBin> bins;  // without a gap; empty where there was no request
};

// The bins of a range of a few minutes, from requests in any order.
class ShortSeries {
 public:
  void Add(const RequestFigures& row);
  // Empty where there were no requests, or over more than a few minutes.
  [[nodiscard]] TimeSeries Bins() const;

 private:
  std::map<int64_t, SeriesBin> seconds_;  // since the epoch
  int64_t first_wall_ns_ = 0;
  int64_t last_wall_ns_ = 0;
  bool too_long_ = false;
};

// rows: the filter's requests where a pass over them has been made; otherwise one is made if it is
// needed.
Result<TimeSeries> LoadTimeSeries(Reader& reader, const SummaryFilter& filter,
                                  const ShortSeries* rows = nullptr);

// The middle of the bucket that holds the value of this rank; nullopt where nothing was counted.
std::optional<int64_t> PercentileOf(const std::map<uint16_t, double>& histogram, int percent);

// As the interface Series of html/src/data.ts has it.
nlohmann::json SeriesJson(const TimeSeries& series);

}  // namespace pinfo::html

// Own metrics in the database: what is declared, values by minute, hour and day. Beside Store and
// Reader, so that the pipeline's writer and this one never share a connection. Each object belongs
// to one thread; several processes may write at once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collector/base/result.h"

namespace pinfo {

// How a metric is shown; numbers are those of the configuration's enums.
struct MetricRow {
  std::string name;
  uint8_t kind = 0;  // enum MetricKind
  std::string title;
  std::string unit;
  std::string group;
  int32_t order = 0;
  uint8_t chart = 0;  // enum ChartKind
  bool declared = false;
};

// Values of one series within one minute.
struct MetricPoint {
  int64_t start_s = 0;  // seconds since the epoch
  double count = 0;     // how many values
  double sum = 0;
  double min = 0;
  double max = 0;
  double last = 0;
};

struct MetricSample {
  std::string name;
  std::string tags;  // "key:value,key:value", sorted
  uint8_t kind = 0;
  int64_t wall_ns = 0;
  MetricPoint point;  // start_s is derived from wall_ns
  // Of gauges: min, max, last and each value behind sum count from the series' last value (0 where
  // there is none).
  bool relative = false;
  // (bucket, count) of collector/base/histogram.h over millionths of the value; of timings.
  std::vector<std::pair<uint16_t, double>> histogram;
};

enum class MetricAdded : uint8_t {
  kAdded,
  kOtherKind,  // the metric has values of another kind: nothing was added
};

class MetricStore {
 public:
  virtual ~MetricStore() = default;

  // Every other method between Begin and Commit. A failed Commit leaves the store as before Begin.
  virtual Status Begin() = 0;
  virtual Status Commit() = 0;
  virtual void Rollback() = 0;

  // Creates the metrics or changes how they are shown; all others are declared no more.
  virtual Status Declare(const std::vector<MetricRow>& rows) = 0;
  // Creates the metric where it is new.
  virtual Result<MetricAdded> Add(const MetricSample& sample) = 0;
  // With all its values; false where there is none of this name.
  virtual Result<bool> Remove(const std::string& name) = 0;
  // Adds to a figure of this name: what was refused or lost.
  virtual Status Count(const std::string& name, int64_t count) = 0;
  // Deletes minutes before one time and hours before another, so many rows at most.
  virtual Result<int64_t> Retain(int64_t minutes_before_s, int64_t hours_before_s,
                                 int64_t rows_max) = 0;
};

struct MetricSummary {
  MetricRow metric;
  int64_t series = 0;
  double count = 0;  // over all days
  double sum = 0;
  std::optional<double> last;  // of the series that changed last
  int64_t last_wall_ns = 0;    // 0: never
};

// All series of a metric together.
struct MetricWindow {
  double count = 0;
  double sum = 0;
  double min = 0;
  double max = 0;
  double last = 0;
  std::map<uint16_t, double> histogram;
};

struct SeriesPoints {
  std::string tags;
  std::vector<MetricPoint> points;  // oldest first
};

class MetricReader {
 public:
  virtual ~MetricReader() = default;

  virtual Result<std::vector<MetricSummary>> Metrics() = 0;
  virtual Result<std::optional<MetricSummary>> Find(const std::string& name) = 0;
  // resolution_s: 60, 3600 or 86400.
  virtual Result<std::vector<SeriesPoints>> Points(const std::string& name, int64_t resolution_s,
                                                   int64_t since_s) = 0;
  // By metric: what its minutes since then add up to. histograms: also those.
  virtual Result<std::map<std::string, MetricWindow>> Windows(int64_t since_s, bool histograms) = 0;
  virtual Result<std::map<std::string, int64_t>> Counts() = 0;
};

// As OpenSqliteStore and OpenSqliteReader do.
Result<std::unique_ptr<MetricStore>> OpenMetricStore(const std::string& path);
Result<std::unique_ptr<MetricReader>> OpenMetricReader(const std::string& path);

// A bucket is up to 6% wide: where in it a value is taken to be.
enum class WithinBucket : uint8_t {
  kMiddle,
  kUpperEdge,  // so that none that reaches a threshold is taken for less
};
// The least value of which a share of percent (0 to 100) of the histogram is not above. nullopt where
// it is empty.
std::optional<double> HistogramPercentile(const std::map<uint16_t, double>& histogram,
                                          double percent,
                                          WithinBucket within = WithinBucket::kMiddle);

}  // namespace pinfo

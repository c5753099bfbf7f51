// What monitors look at, read from the database once an evaluation and kept for all of them.
// Belongs to one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/monitor/check_runner.h"
#include "collector/store/metric_store.h"
#include "collector/store/monitor_store.h"

namespace pinfo {

class MonitorInputs {
 public:
  virtual ~MonitorInputs() = default;

  virtual int64_t now_wall_ns() = 0;
  // Requests by route, of the minutes that the last window_ns lie in.
  virtual Result<const std::vector<RouteWindow>*> Requests(int64_t window_ns) = 0;
  virtual Result<const std::map<std::string, MetricWindow>*> Metrics(int64_t window_ns) = 0;
  virtual Result<const std::vector<ProcessMemory>*> Memories() = 0;
  // Of a request that matches both globs; nullopt: never.
  virtual Result<std::optional<int64_t>> LastRequestNs(const std::string& site,
                                                       const std::string& route) = 0;
  virtual Result<std::optional<int64_t>> LastMetricNs(const std::string& metric) = 0;
  virtual Result<std::optional<int64_t>> FileTimeNs(const std::string& path) = 0;
  // What the monitor's query or command gave last; nullptr: nothing yet.
  virtual const CheckResult* Check(const std::string& monitor) = 0;
};

// The last minute with requests of every route: what does not fit into one evaluation, as looking
// through all minutes takes long. Kept from one evaluation to the next.
class RequestTimes {
 public:
  Status Update(MonitorReader& reader, int64_t now_wall_ns);
  [[nodiscard]] const std::map<std::pair<std::string, std::string>, int64_t>& minutes() const {
    return minutes_;
  }

 private:
  std::map<std::pair<std::string, std::string>, int64_t> minutes_;  // by site and route
  int64_t seen_minute_ = 0;
};

// Reads database, in snapshots as they are when first asked for. times and results must outlive it.
std::unique_ptr<MonitorInputs> ReadMonitorInputs(const std::string& database, int64_t now_wall_ns,
                                                 RequestTimes& times,
                                                 const std::map<std::string, CheckResult>& results);

}  // namespace pinfo

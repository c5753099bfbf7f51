// Counters over requests that only grow while this lives, from minutes that are deleted some day:
// what Prometheus' rate() needs. Each scrape reads the last minutes and remembers those before.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "collector/base/result.h"
#include "collector/store/exposition_reader.h"

namespace pinfo {

// Belongs to one thread at a time.
class RequestTotals {
 public:
  // Counts from the minute of this time on.
  explicit RequestTotals(int64_t since_wall_ns);

  // Brings the totals up to date.
  Status Update(ExpositionReader& reader, int64_t now_wall_ns);

  // By site, route, method and status.
  [[nodiscard]] const std::map<RequestKey, RequestCounts>& totals() const { return totals_; }
  [[nodiscard]] int64_t since_wall_ns() const { return since_wall_ns_; }

  // A request is counted in the minute it began in: one that takes longer than this is missed.
  static constexpr int64_t kOpenMinutes = 10;

 private:
  int64_t since_wall_ns_;
  int64_t open_minute_;  // those before are in closed_
  std::map<RequestKey, RequestCounts> closed_;
  std::map<RequestKey, RequestCounts> totals_;
};

}  // namespace pinfo

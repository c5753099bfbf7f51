// What the pages take from the rows of all requests, gathered in one pass over them: the slowest of
// all and of each route, those with a profile, what the routes' profiles are made of, and the
// points of charts that show seconds.
//
// Memory: what is listed, 8 bytes a request, and the bins of charts by seconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "collector/views/pooled_times.h"
#include "html/time_series.h"

namespace pinfo::html {

// The slowest of what is added, at most so many. Of equals the newer ids.
class SlowestRequests {
 public:
  explicit SlowestRequests(size_t most) : most_(most) {}
  void Add(RequestId id, int64_t latency_ns);
  // Slowest first. Ends the gathering.
  std::vector<RequestId> Take();

 private:
  const size_t most_;
  std::vector<std::pair<int64_t, int64_t>> heap_;  // latency, id; the least on top
};

struct RouteScan {
  PooledTimes times;
  std::vector<RequestId> slowest;
  ShortSeries series;
};

struct ScanLimits {
  int64_t listed = 0;
  int64_t profiles = 0;
  int64_t of_route = 0;
};

class RequestScan {
 public:
  // Passes over the filter's requests; its order and limit do not matter.
  static Result<RequestScan> Run(Reader& reader, const RequestFilter& filter,
                                 const ScanLimits& limits);

  int64_t requests = 0;
  int64_t profiled = 0;
  std::vector<RequestId> listed;    // slowest first
  std::vector<RequestId> profiles;  // slowest first
  PartsIndex parts;
  ShortSeries series;                             // of all
  std::unordered_map<int64_t, RouteScan> routes;  // by RouteSummary::id
};

}  // namespace pinfo::html

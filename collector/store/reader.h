// The reading side of the store: what views need, as plain values. A Reader belongs to one thread
// and sees a consistent state while writers go on.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/profile/call_tree.h"
#include "collector/store/rows.h"

namespace pinfo {

enum class RequestOrder : uint8_t { kNewest, kOldest, kSlowest, kOnCpu, kBlocked, kBytesOut };

struct RequestFilter {
  std::optional<std::string> site;
  std::optional<std::string> route;  // exact, or a glob where it holds * or ?
  std::optional<std::string> method;
  std::optional<int32_t> status;         // exact
  std::optional<int32_t> status_class;   // 5 for 5xx
  std::optional<int64_t> slower_than_ns;
  std::optional<int64_t> since_wall_ns;
  std::optional<int64_t> until_wall_ns;
  std::optional<bool> profiled;
  bool failed = false;  // 5xx or aborted
  RequestOrder order = RequestOrder::kNewest;
  std::optional<int64_t> limit;
};

// Exact over everything counted (MinuteRow), not only over the rows kept.
struct LatencySummary {
  int64_t count = 0;
  int64_t failed = 0;
  int64_t sum_ns = 0;
  int64_t min_ns = 0;
  int64_t max_ns = 0;
  int64_t p50_ns = 0;  // from the histogram: within 6.25%
  int64_t p90_ns = 0;
  int64_t p99_ns = 0;
  int64_t timed = 0;
  int64_t on_cpu_sum_ns = 0;
  int64_t bytes_in = 0;
  int64_t bytes_out = 0;
};

struct RouteSummary {
  std::string site;
  std::string route;
  LatencySummary latency;
};

struct SiteSummary {
  std::string site;
  int64_t routes = 0;
  LatencySummary latency;
};

struct ProcessSummary {
  ProcessRow process;
  int64_t requests = 0;  // rows, by weight
  StatusRow last;        // the newest /proc figures; wall_ns 0 where there are none
  int64_t max_rss_bytes = 0;
  int32_t min_threads = 0;
  int32_t max_threads = 0;
};

struct Totals {
  LatencySummary latency;
  int64_t sites = 0;
  int64_t processes = 0;
  int64_t processes_alive = 0;
  int64_t request_rows = 0;
  int64_t samples = 0;
  int64_t samples_attributed = 0;
  int64_t samples_incomplete = 0;  // stacks that did not reach their thread's start
  int64_t first_wall_ns = 0;       // of any request; 0: none
  int64_t last_wall_ns = 0;
  int64_t own_cpu_ns = 0;  // of pinfo, over all sessions
  std::array<int64_t, PINFO_LOSS_KIND_COUNT> lost{};
  int64_t database_bytes = 0;
};

// A call tree whose total is the latency of what it covers: the on-CPU time spread over the samples
// ([unsampled] where there are none), and frames of their own for what was not on a CPU.
struct Profile {
  CallTree tree;
  int64_t requests = 0;
  int64_t samples = 0;
  int64_t samples_incomplete = 0;
};

class Reader {
 public:
  virtual ~Reader() = default;

  // Calls visit for each; stops when it returns false.
  virtual Status ForEachRequest(const RequestFilter& filter,
                                const std::function<bool(const RequestRow&)>& visit) = 0;
  virtual Result<std::optional<RequestRow>> FindRequest(RequestId id) = 0;
  virtual Result<std::vector<ProcessSummary>> Processes() = 0;
  virtual Result<std::vector<SiteSummary>> Sites() = 0;
  virtual Result<std::vector<RouteSummary>> Routes() = 0;
  virtual Result<Totals> GetTotals() = 0;
  virtual Result<std::vector<SessionRow>> Sessions() = 0;
  // Requests, failures and latency a minute, oldest first, over all sites.
  virtual Result<std::vector<std::pair<int64_t, LatencySummary>>> Minutes(int64_t since_minute) = 0;
  virtual Result<Profile> RequestProfile(RequestId id) = 0;
  // Over every sampled request of the route, at the site where one is given.
  virtual Result<Profile> RouteProfile(const std::optional<std::string>& site,
                                       const std::string& route) = 0;
  virtual Result<Profile> WholeProfile() = 0;
};

}  // namespace pinfo

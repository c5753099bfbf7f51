// The reading side of the store: what views need, as plain values. A Reader belongs to one thread
// and sees the state of the moment it was opened while writers go on; open a new one to see more,
// and do not keep one for long: what it sees cannot be reclaimed meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "collector/base/result.h"
#include "collector/profile/timeline.h"
#include "collector/store/rows.h"
#include "collector/views/pooled_times.h"
#include "collector/views/profile.h"

namespace pinfo {

enum class RequestOrder : uint8_t { kNewest, kOldest, kSlowest, kOnCpu, kBlocked, kBytesOut };

struct RequestFilter {
  std::optional<std::string> site = std::nullopt;
  std::optional<std::string> route = std::nullopt;   // exact, or a glob where it holds * or ?
  std::optional<std::string> method = std::nullopt;  // ASCII case does not matter
  std::optional<Pid> pid = std::nullopt;
  std::optional<int32_t> status = std::nullopt;        // exact
  std::optional<int32_t> status_class = std::nullopt;  // 5 for 5xx
  std::optional<int64_t> slower_than_ns = std::nullopt;
  std::optional<int64_t> since_wall_ns = std::nullopt;
  std::optional<int64_t> until_wall_ns = std::nullopt;
  std::optional<bool> profiled = std::nullopt;
  bool failed = false;  // 5xx or aborted
  RequestOrder order = RequestOrder::kNewest;
  std::optional<int64_t> limit = std::nullopt;
};

// Of a request's row what passes over all rows work with: no texts.
struct RequestFigures {
  RequestId id;
  int64_t route = 0;  // RouteSummary::id
  int32_t status = 0;
  Outcome outcome = Outcome::kUnknown;
  int64_t start_wall_ns = 0;
  LatencyParts times;
  bool profiled = false;
  double weight = 1;
};

// Which requests a profile is of; nullopt: any. Texts are exact.
struct ProfileFilter {
  std::optional<std::string> site = std::nullopt;
  std::optional<std::string> route = std::nullopt;
  std::optional<Pid> pid = std::nullopt;
  std::optional<int64_t> since_wall_ns = std::nullopt;
  std::optional<int64_t> until_wall_ns = std::nullopt;
};

// What summaries are over; nullopt: any. Minutes are what is kept: a minute counts where a part of
// it lies in [since, until).
struct SummaryFilter {
  std::optional<std::string> site = std::nullopt;
  std::optional<std::string> route = std::nullopt;  // exact, or a glob where it holds * or ?
  std::optional<int64_t> since_wall_ns = std::nullopt;
  std::optional<int64_t> until_wall_ns = std::nullopt;
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
  int64_t id = 0;  // of the pair of site and route in this store
};

struct SiteSummary {
  std::string site;
  int64_t routes = 0;
  LatencySummary latency;
  std::vector<ProcessSiteRow> processes = {};  // that served it
};

struct ProcessSummary {
  ProcessRow process;
  int64_t requests = 0;
  int64_t failed = 0;
  int64_t latency_sum_ns = 0;
  int64_t timed = 0;  // requests behind on_cpu_sum_ns
  int64_t on_cpu_sum_ns = 0;
  StatusRow last;  // the newest /proc figures; wall_ns 0 where there are none
  // Over all of them; 0 where there are none. Sums and counts, so that means of several processes
  // can be taken.
  int64_t statuses = 0;
  int64_t min_rss_bytes = 0;
  int64_t max_rss_bytes = 0;
  int64_t sum_rss_bytes = 0;
  int64_t max_peak_rss_bytes = 0;  // the kernel's own high-water mark
  int32_t min_threads = 0;
  int32_t max_threads = 0;
  int64_t sum_threads = 0;
  std::optional<int64_t> pss_bytes;  // the newest
};

struct Totals {
  LatencySummary latency;
  int64_t sites = 0;
  int64_t processes = 0;
  int64_t processes_alive = 0;
  int64_t request_rows = 0;
  int64_t samples = 0;
  int64_t samples_attributed = 0;
  int64_t calls = 0;                  // to other servers, over all sessions
  int64_t calls_attributed = 0;       // to a request
  StackEndCounts samples_incomplete;  // stacks that did not reach their thread's start
  int64_t first_wall_ns = 0;          // of any request; 0: none
  int64_t last_wall_ns = 0;
  int64_t own_cpu_ns = 0;  // of pinfo, over all sessions
  LossCounts lost{};
  int64_t database_bytes = 0;
};

// Of what history is asked, [since, until); bins of bin_ns begin at multiples of it.
struct HistoryRange {
  int64_t since_wall_ns = 0;
  int64_t until_wall_ns = std::numeric_limits<int64_t>::max();
  int64_t bin_ns = 60'000'000'000;
};

// How many requests of a bin had a latency within the histogram's bucket.
struct LatencyCount {
  int64_t wall_ns = 0;  // where the bin begins
  uint16_t bucket = 0;  // collector/base/histogram.h
  int64_t count = 0;
};

// What the followed processes used together in a bin.
struct ProcessesPoint {
  int64_t wall_ns = 0;    // where the bin begins
  int32_t processes = 0;  // with figures in the bin
  int64_t rss_bytes = 0;  // each process's mean, added up
  int64_t cpu_ns = 0;     // user and system
  int32_t threads = 0;    // each process's most, added up
};

// What is kept of one request beside its row.
struct RequestDetail {
  Profile profile;
  Timeline timeline;
  std::vector<CallRow> calls;  // the longest waited for first
  std::vector<HeaderRow> headers;  // those kept, in their order
};

class Reader {
 public:
  virtual ~Reader() = default;

  // Calls visit for each; stops when it returns false.
  virtual Status ForEachRequest(const RequestFilter& filter,
                                const std::function<bool(const RequestRow&)>& visit) = 0;
  // The rows of these ids in their order; those that are not there are left out.
  virtual Status ForEachRequestById(std::span<const RequestId> ids,
                                    const std::function<bool(const RequestRow&)>& visit) = 0;
  // Every row of the filter without its texts, in no order: a million in about a second.
  virtual Status ForEachFigures(const RequestFilter& filter,
                                const std::function<bool(const RequestFigures&)>& visit) = 0;
  // How many rows that would be; order and limit do not matter.
  virtual Result<int64_t> CountRequests(const RequestFilter& filter) = 0;
  virtual Result<std::optional<RequestRow>> FindRequest(RequestId id) = 0;
  // The calls that the request made to other servers, the longest waited for first. Empty where it
  // made none.
  virtual Result<std::vector<CallRow>> RequestCalls(RequestId id) = 0;
  virtual Result<std::vector<ProcessSummary>> Processes() = 0;
  // Sites and routes without a request in the filter are left out.
  virtual Result<std::vector<SiteSummary>> Sites(const SummaryFilter& filter) = 0;
  virtual Result<std::vector<RouteSummary>> Routes(const SummaryFilter& filter) = 0;
  Result<std::vector<SiteSummary>> Sites() { return Sites(SummaryFilter()); }
  Result<std::vector<RouteSummary>> Routes() { return Routes(SummaryFilter()); }
  // Over all that the filter lets through.
  virtual Result<LatencySummary> Summary(const SummaryFilter& filter) = 0;
  virtual Result<Totals> GetTotals() = 0;
  virtual Result<std::vector<SessionRow>> Sessions() = 0;
  // Requests, failures and latency a minute, oldest first.
  virtual Result<std::vector<std::pair<int64_t, LatencySummary>>> Minutes(
      const SummaryFilter& filter) = 0;
  // Oldest first; bins without anything are left out.
  // Minutes are what is kept, so bins of less than one hold a whole minute. site: exact; route:
  // exact, or a glob where it holds * or ?.
  virtual Result<std::vector<LatencyCount>> LatencyHistory(
      const HistoryRange& range, const std::optional<std::string>& site,
      const std::optional<std::string>& route) = 0;
  virtual Result<std::vector<ProcessesPoint>> ProcessHistory(const HistoryRange& range) = 0;
  // Every figure the mean of its bin, wall_ns where the bin begins; hosts apart.
  virtual Result<std::vector<SystemRow>> SystemHistory(const HistoryRange& range) = 0;
  virtual Result<std::vector<HostRow>> Hosts() = 0;
  // The newest figures of each host.
  virtual Result<std::vector<SystemRow>> LatestSystems() = 0;
  // Fails where there is no such request.
  virtual Result<Profile> RequestProfile(RequestId id) = 0;
  // Over every request row of the route, at the site where one is given: the total is the sum of
  // their latencies. Their on-CPU time is spread over all on-CPU samples of the route, also over
  // those of requests whose rows were not kept.
  virtual Result<Profile> RouteProfile(const std::optional<std::string>& site,
                                       const std::string& route) = 0;
  virtual Result<Profile> WholeProfile() = 0;
  // The same over the requests that began in a time or were served by a process.
  virtual Result<Profile> PooledProfile(const ProfileFilter& filter) = 0;
  // The same where a pass over requests has added up the times of the filter's, and noted (at
  // least) of each of these which parts are known.
  virtual Result<Profile> PooledProfile(const ProfileFilter& filter, const PooledTimes& times,
                                        const PartsIndex& parts) = 0;
  // Fails where there is no such request.
  virtual Result<Timeline> RequestTimeline(RequestId id) = 0;
  // All of it at once for a row of this reader; what the last ones had in common is not read anew.
  virtual Result<RequestDetail> Detail(const RequestRow& row) = 0;
};

}  // namespace pinfo

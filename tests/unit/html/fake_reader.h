// A Reader over values set by a test. Its requests may be as many as a test likes: they are made
// one by one.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "collector/store/reader.h"

namespace pinfo {

class FakeReader : public Reader {
 public:
  std::vector<RequestRow> requests;  // in the order a filter asks for
  std::vector<SiteSummary> sites;
  std::vector<RouteSummary> routes;
  std::vector<ProcessSummary> processes;
  std::vector<SessionRow> sessions;
  std::vector<std::pair<int64_t, LatencySummary>> minutes;
  std::vector<LatencyCount> latency_history;
  std::vector<CallRow> calls;  // of every request
  std::vector<HeaderRow> headers;  // of every request
  std::vector<ProcessesPoint> process_history;
  std::vector<SystemRow> system_history;
  std::vector<SystemRow> latest_systems;
  std::map<RequestId, Profile> profiles;
  std::map<RequestId, Timeline> timelines;
  Profile pooled_profile;  // of every route
  Totals totals;
  std::string error;                   // where set, requests fail with it
  std::vector<RequestFilter> filters;  // those asked for so far
  std::vector<SummaryFilter> summary_filters;

  Status ForEachRequest(const RequestFilter& filter,
                        const std::function<bool(const RequestRow&)>& visit) override;
  Status ForEachRequestById(std::span<const RequestId> ids,
                            const std::function<bool(const RequestRow&)>& visit) override;
  // Routes are those of routes, by their place from 1.
  Status ForEachFigures(const RequestFilter& filter,
                        const std::function<bool(const RequestFigures&)>& visit) override;
  Result<std::optional<RequestRow>> FindRequest(RequestId id) override;
  Result<std::vector<CallRow>> RequestCalls(RequestId) override { return calls; }
  Result<std::vector<ProcessSummary>> Processes() override { return processes; }
  Result<int64_t> CountRequests(const RequestFilter& filter) override;
  using Reader::Routes;
  using Reader::Sites;
  Result<std::vector<SiteSummary>> Sites(const SummaryFilter& filter) override;
  Result<std::vector<RouteSummary>> Routes(const SummaryFilter& filter) override;
  Result<LatencySummary> Summary(const SummaryFilter& filter) override;
  Result<Totals> GetTotals() override { return totals; }
  Result<std::vector<SessionRow>> Sessions() override { return sessions; }
  Result<std::vector<std::pair<int64_t, LatencySummary>>> Minutes(
      const SummaryFilter& filter) override;
  Result<std::vector<LatencyCount>> LatencyHistory(const HistoryRange&,
                                                   const std::optional<std::string>&,
                                                   const std::optional<std::string>&) override {
    return latency_history;
  }
  Result<std::vector<ProcessesPoint>> ProcessHistory(const HistoryRange&) override {
    return process_history;
  }
  Result<std::vector<SystemRow>> SystemHistory(const HistoryRange&) override {
    return system_history;
  }
  Result<std::vector<HostRow>> Hosts() override { return std::vector<HostRow>(); }
  Result<std::vector<SystemRow>> LatestSystems() override { return latest_systems; }
  Result<Profile> RequestProfile(RequestId id) override;
  Result<Profile> RouteProfile(const std::optional<std::string>& site,
                               const std::string& route) override;
  Result<Profile> WholeProfile() override;
  Result<Profile> PooledProfile(const ProfileFilter& filter) override;
  Result<Profile> PooledProfile(const ProfileFilter& filter, const PooledTimes& times,
                                const PartsIndex& parts) override;
  Result<Timeline> RequestTimeline(RequestId id) override;
  Result<RequestDetail> Detail(const RequestRow& row) override;
};

// A request that took latency_ns: 60% on CPU, 30% blocked, the rest waiting for a CPU.
RequestRow MakeRequest(int64_t id, int64_t latency_ns);

// Its time in main > parse and main > read, with names of a hostile program beside them.
Profile MakeProfile(int64_t latency_ns);

}  // namespace pinfo

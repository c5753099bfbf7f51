#include "tests/unit/html/fake_reader.h"

#include <algorithm>
#include <functional>
#include <unordered_map>

namespace pinfo {

Status FakeReader::ForEachRequest(const RequestFilter& filter,
                                  const std::function<bool(const RequestRow&)>& visit) {
  filters.push_back(filter);
  if (!error.empty()) {
    return Fail(error);
  }
  // By start where that is asked for, else as the test has put them.
  std::vector<const RequestRow*> rows;
  for (const RequestRow& row : requests) {
    if (!filter.profiled || *filter.profiled == row.profiled) {
      rows.push_back(&row);
    }
  }
  const auto start = [](const RequestRow* row) { return row->start_wall_ns; };
  if (filter.order == RequestOrder::kOldest) {
    std::ranges::stable_sort(rows, std::less{}, start);
  } else if (filter.order == RequestOrder::kNewest) {
    std::ranges::stable_sort(rows, std::greater{}, start);
  }
  int64_t visited = 0;
  for (const RequestRow* row : rows) {
    if (visited++ == filter.limit.value_or(-1) || !visit(*row)) {
      break;
    }
  }
  return {};
}

Status FakeReader::ForEachRequestById(std::span<const RequestId> ids,
                                      const std::function<bool(const RequestRow&)>& visit) {
  std::unordered_map<int64_t, const RequestRow*> rows;
  for (const RequestRow& row : requests) {
    rows.emplace(row.id.value, &row);
  }
  for (const RequestId id : ids) {
    if (const auto found = rows.find(id.value); found != rows.end() && !visit(*found->second)) {
      break;
    }
  }
  return {};
}

Status FakeReader::ForEachFigures(const RequestFilter& filter,
                                  const std::function<bool(const RequestFigures&)>& visit) {
  filters.push_back(filter);
  if (!error.empty()) {
    return Fail(error);
  }
  std::map<std::pair<std::string, std::string>, int64_t> route_ids;
  for (const RouteSummary& route : routes) {
    route_ids.emplace(std::pair(route.site, route.route), route_ids.size() + 1);
  }
  for (const RequestRow& row : requests) {
    const auto route = route_ids.find({row.site, row.route});
    if (!visit({.id = row.id,
                .route = route == route_ids.end() ? 0 : route->second,
                .status = row.status,
                .outcome = row.outcome,
                .start_wall_ns = row.start_wall_ns,
                .times = TimesOf(row),
                .profiled = row.profiled,
                .weight = row.weight})) {
      break;
    }
  }
  return {};
}

Result<std::optional<RequestRow>> FakeReader::FindRequest(RequestId id) {
  for (const RequestRow& row : requests) {
    if (row.id == id) {
      return row;
    }
  }
  return std::nullopt;
}

Result<int64_t> FakeReader::CountRequests(const RequestFilter& filter) {
  int64_t count = 0;
  const Status status = ForEachRequest(filter, [&count](const RequestRow&) {
    ++count;
    return true;
  });
  if (!status) {
    return tl::unexpected(status.error());
  }
  return count;
}

Result<std::vector<SiteSummary>> FakeReader::Sites(const SummaryFilter& filter) {
  summary_filters.push_back(filter);
  return sites;
}

Result<std::vector<RouteSummary>> FakeReader::Routes(const SummaryFilter& filter) {
  summary_filters.push_back(filter);
  std::vector<RouteSummary> rows = routes;
  int64_t id = 0;
  for (RouteSummary& row : rows) {
    row.id = ++id;
  }
  return rows;
}

Result<LatencySummary> FakeReader::Summary(const SummaryFilter& filter) {
  summary_filters.push_back(filter);
  return totals.latency;
}

Result<std::vector<std::pair<int64_t, LatencySummary>>> FakeReader::Minutes(
    const SummaryFilter& filter) {
  summary_filters.push_back(filter);
  return minutes;
}

Result<Profile> FakeReader::RequestProfile(RequestId id) {
  const auto found = profiles.find(id);
  return found == profiles.end() ? Profile() : found->second;
}

Result<Profile> FakeReader::RouteProfile(const std::optional<std::string>& /*site*/,
                                         const std::string& /*route*/) {
  return pooled_profile;
}

Result<Profile> FakeReader::WholeProfile() {
  return Fail("the report asked for the whole profile");
}

Result<Profile> FakeReader::PooledProfile(const ProfileFilter& filter) {
  return filter.route ? Result<Profile>(pooled_profile) : WholeProfile();
}

Result<Timeline> FakeReader::RequestTimeline(RequestId id) {
  const auto found = timelines.find(id);
  return found == timelines.end() ? Timeline() : found->second;
}

Result<Profile> FakeReader::PooledProfile(const ProfileFilter& filter, const PooledTimes& /*times*/,
                                          const PartsIndex& /*parts*/) {
  return PooledProfile(filter);
}

Result<RequestDetail> FakeReader::Detail(const RequestRow& row) {
  return RequestDetail{.profile = *RequestProfile(row.id),
                       .timeline = *RequestTimeline(row.id),
                       .calls = calls,
                       .headers = headers};
}

RequestRow MakeRequest(int64_t id, int64_t latency_ns) {
  RequestRow row;
  row.id = RequestId{id};
  row.process = ProcessId{1};
  row.pid = Pid{4242};
  row.tid = Tid{4243};
  row.site = "shop.example";
  row.method = "GET";
  row.target = "/item/" + std::to_string(id);
  row.route = "/item/<n>";
  row.status = 200;
  row.protocol = "HTTP/1.1";
  row.outcome = Outcome::kComplete;
  row.start_wall_ns = 1'700'000'000'123'456'000 + id * 1'000'000;
  row.first_byte_ns = latency_ns / 2;
  row.latency_ns = latency_ns;
  row.on_cpu_ns = latency_ns * 6 / 10;
  row.blocked_ns = latency_ns * 3 / 10;
  row.runqueue_ns = latency_ns - *row.on_cpu_ns - *row.blocked_ns;
  row.waiting_ns = 0;
  row.bytes_in = 120;
  row.bytes_out = 4096;
  return row;
}

Profile MakeProfile(int64_t latency_ns) {
  Profile profile;
  CallTree& tree = profile.tree;
  const auto main = tree.AddFunction({"main", "/srv/app/main.cc", "/srv/app/server", 10});
  const auto parse = tree.AddFunction(
      {"parse<std::map<K, V>>(char const*, unsigned long)", "/srv/app/parse.cc", "", 88});
  const auto hostile =
      tree.AddFunction({"</title><script>alert('x')</script>\xff\xe2\x80\xa8", "", "a\"b", 0});
  const auto read = tree.AddFunction({"read", "", "/lib/x86_64-linux-gnu/libc.so.6", 0});
  const auto queued = tree.AddFunction({kRunqueueFrame, "", "", 0});
  const CallTree::FunctionIndex parsing[] = {main, parse};
  const CallTree::FunctionIndex attacking[] = {main, parse, hostile};
  const CallTree::FunctionIndex reading[] = {main, read};
  tree.AddStack(parsing, TimeKind::kOnCpu, latency_ns * 4 / 10, 4);
  tree.AddStack(attacking, TimeKind::kOnCpu, latency_ns * 2 / 10, 2);
  tree.AddStack(reading, TimeKind::kBlocked, latency_ns * 3 / 10, 1);
  tree.AddStack({&queued, 1}, TimeKind::kRunqueue, latency_ns / 10, 0);
  profile.requests = 1;
  profile.samples = 7;
  return profile;
}

}  // namespace pinfo

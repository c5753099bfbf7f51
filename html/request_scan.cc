#include "html/request_scan.h"

#include <algorithm>
#include <functional>

namespace pinfo::html {

void SlowestRequests::Add(RequestId id, int64_t latency_ns) {
  const std::pair entry(latency_ns, id.value);
  if (heap_.size() < most_) {
    heap_.push_back(entry);
    std::ranges::push_heap(heap_, std::greater{});
  } else if (most_ > 0 && entry > heap_.front()) {
    std::ranges::pop_heap(heap_, std::greater{});
    heap_.back() = entry;
    std::ranges::push_heap(heap_, std::greater{});
  }
}

std::vector<RequestId> SlowestRequests::Take() {
  std::ranges::sort(heap_, std::greater{});
  std::vector<RequestId> ids;
  ids.reserve(heap_.size());
  for (const auto& [latency, id] : heap_) {
    ids.push_back({id});
  }
  return ids;
}

Result<RequestScan> RequestScan::Run(Reader& reader, const RequestFilter& filter,
                                     const ScanLimits& limits) {
  struct Gathered {
    RouteScan scan;
    SlowestRequests slowest;
  };
  RequestScan all;
  SlowestRequests listed(static_cast<size_t>(limits.listed));
  SlowestRequests profiles(static_cast<size_t>(limits.profiles));
  std::unordered_map<int64_t, Gathered> routes;
  const Status status = reader.ForEachFigures(filter, [&](const RequestFigures& row) {
    Gathered& route =
        routes
            .try_emplace(row.route,
                         Gathered{{}, SlowestRequests(static_cast<size_t>(limits.of_route))})
            .first->second;
    ++all.requests;
    all.series.Add(row);
    listed.Add(row.id, row.times.latency_ns);
    route.scan.times.Add(row.times);
    route.scan.series.Add(row);
    route.slowest.Add(row.id, row.times.latency_ns);
    all.parts.Add(row.id, KnownPartsOf(row.times));
    if (row.profiled) {
      ++all.profiled;
      profiles.Add(row.id, row.times.latency_ns);
    }
    return true;
  });
  if (!status) {
    return tl::unexpected(status.error());
  }
  all.listed = listed.Take();
  all.profiles = profiles.Take();
  all.parts.Sort();
  for (auto& [id, gathered] : routes) {
    gathered.scan.slowest = gathered.slowest.Take();
    all.routes.emplace(id, std::move(gathered.scan));
  }
  return all;
}

}  // namespace pinfo::html

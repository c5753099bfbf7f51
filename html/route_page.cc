#include "html/route_page.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "collector/profile/call_graph.h"
#include "html/data_script.h"
#include "html/profile_json.h"
#include "html/request_json.h"
#include "html/summaries.h"
#include "html/time_series.h"

namespace pinfo::html {
namespace {

// The one route of a report, or of a pass over its requests alone.
struct RouteRequests {
  RouteScan scan;
  PartsIndex parts;
};

Result<RouteRequests> ScanRoute(Reader& reader, const RouteSummary& route,
                                const ReportOptions& options) {
  RequestFilter filter;
  filter.site = route.site;
  filter.since_wall_ns = options.since_wall_ns;
  filter.until_wall_ns = options.until_wall_ns;
  // A route may hold what a glob would be made of.
  if (route.route.find_first_of("*?") == std::string::npos) {
    filter.route = route.route;
  }
  Result<RequestScan> scan = RequestScan::Run(reader, filter, {.of_route = kSlowestOfRoute});
  if (!scan) {
    return tl::unexpected(scan.error());
  }
  const auto found = scan->routes.find(route.id);
  return RouteRequests{.scan = found == scan->routes.end() ? RouteScan() : std::move(found->second),
                       .parts = std::move(scan->parts)};
}

nlohmann::json SlowestJson(const std::vector<RequestRow>& slowest, const HasPage& has_page,
                           bool show_values) {
  nlohmann::json rows = nlohmann::json::array();
  for (const RequestRow& row : slowest) {
    rows.push_back(RequestJson(row, show_values));
    rows.back()["page"] = has_page(row);
  }
  return rows;
}

}  // namespace

// FNV-1a, 64 bits.
std::string RouteKey(const RouteSummary& route) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    hash = (hash ^ 0xff) * 0x100000001b3;  // no byte of UTF-8
  };
  add(route.site);
  add(route.route);
  return fmt::format("{:016x}", hash);
}

Result<RoutePageData> LoadRoutePage(Reader& reader, const RouteSummary& route,
                                    const ReportOptions& options, const RequestScan* scan) {
  RouteRequests alone;
  if (scan == nullptr) {
    Result<RouteRequests> scanned = ScanRoute(reader, route, options);
    if (!scanned) {
      return tl::unexpected(scanned.error());
    }
    alone = std::move(*scanned);
  }
  const PartsIndex& parts = scan == nullptr ? alone.parts : scan->parts;
  const RouteScan* requests = &alone.scan;
  if (scan != nullptr) {
    if (const auto found = scan->routes.find(route.id); found != scan->routes.end()) {
      requests = &found->second;
    }
  }
  SummaryFilter filter = SummaryFilterOf(options);
  filter.site = route.site;
  filter.route = route.route;
  Result<TimeSeries> series = LoadTimeSeries(reader, filter, &requests->series);
  if (!series) {
    return tl::unexpected(series.error());
  }
  RoutePageData page = {.route = route, .series = std::move(*series), .slowest = {}, .profile = {}};
  const Status rows = reader.ForEachRequestById(requests->slowest, [&page](const RequestRow& row) {
    page.slowest.push_back(row);
    return true;
  });
  if (!rows) {
    return tl::unexpected(rows.error());
  }
  Result<Profile> profile = reader.PooledProfile({.site = route.site,
                                                  .route = route.route,
                                                  .since_wall_ns = options.since_wall_ns,
                                                  .until_wall_ns = options.until_wall_ns},
                                                 requests->times, parts);
  if (!profile) {
    return tl::unexpected(profile.error());
  }
  page.profile = std::move(*profile);
  return page;
}

Result<std::string> RoutePageScript(const RoutePageData& page, const HasPage& has_page,
                                    bool show_values) {
  const CallGraph graph = BuildCallGraph(page.profile.tree);
  JsonObject json;
  json.Add("key", RouteKey(page.route));
  json.Add("site", page.route.site);
  json.Add("route", page.route.route);
  json.Add("latency", LatencyJson(page.route.latency));
  json.Add("series", SeriesJson(page.series));
  json.Add("slowest", SlowestJson(page.slowest, has_page, show_values));
  json.AddText("profile", ProfileJson(page.profile, graph));
  return PackedScript("route", std::move(json).Take());
}

}  // namespace pinfo::html

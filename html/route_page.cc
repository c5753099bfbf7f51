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

constexpr int64_t kSlowestListed = 50;

Result<nlohmann::json> SlowestJson(Reader& reader, const RouteSummary& route,
                                   const ReportOptions& options, const HasPage& has_page) {
  RequestFilter filter;
  filter.site = route.site;
  filter.route = route.route;
  filter.since_wall_ns = options.since_wall_ns;
  filter.until_wall_ns = options.until_wall_ns;
  filter.order = RequestOrder::kSlowest;
  filter.limit = kSlowestListed;
  nlohmann::json rows = nlohmann::json::array();
  const Status status = reader.ForEachRequest(filter, [&](const RequestRow& row) {
    rows.push_back(RequestJson(row, options.show_values));
    rows.back()["page"] = has_page(row);
    return true;
  });
  if (!status) {
    return tl::unexpected(status.error());
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

Result<std::string> RoutePageScript(Reader& reader, const RouteSummary& route,
                                    const ReportOptions& options, const HasPage& has_page) {
  SummaryFilter filter = SummaryFilterOf(options);
  filter.site = route.site;
  filter.route = route.route;
  const Result<TimeSeries> series = LoadTimeSeries(reader, filter);
  if (!series) {
    return tl::unexpected(series.error());
  }
  Result<nlohmann::json> slowest = SlowestJson(reader, route, options, has_page);
  if (!slowest) {
    return tl::unexpected(slowest.error());
  }
  const Result<Profile> profile = reader.PooledProfile({.site = route.site,
                                                        .route = route.route,
                                                        .since_wall_ns = options.since_wall_ns,
                                                        .until_wall_ns = options.until_wall_ns});
  if (!profile) {
    return tl::unexpected(profile.error());
  }
  return PackedScript("route", {{"key", RouteKey(route)},
                                {"site", route.site},
                                {"route", route.route},
                                {"latency", LatencyJson(route.latency)},
                                {"series", SeriesJson(*series)},
                                {"slowest", std::move(*slowest)},
                                {"profile", ProfileJson(*profile, BuildCallGraph(profile->tree))}});
}

}  // namespace pinfo::html

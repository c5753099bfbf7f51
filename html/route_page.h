// What the page of one route shows: its latencies over time and as a histogram, the profile of all
// its requests, the slowest of them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "html/report.h"
#include "html/request_scan.h"
#include "html/time_series.h"

namespace pinfo::html {

// Whether a request has a page of its own.
using HasPage = std::function<bool(const RequestRow&)>;

// Sixteen hexadecimal digits of the two names: the same in every report of them.
std::string RouteKey(const RouteSummary& route);

// Of a route the slowest so many are listed.
inline constexpr int64_t kSlowestOfRoute = 50;

struct RoutePageData {
  RouteSummary route;
  TimeSeries series;
  std::vector<RequestRow> slowest;
  Profile profile;
};

// scan: a pass over the report's requests; nullptr: there is none, and one is made over the
// route's.
Result<RoutePageData> LoadRoutePage(Reader& reader, const RouteSummary& route,
                                    const ReportOptions& options, const RequestScan* scan);

// routes/KEY.js. Pure.
Result<std::string> RoutePageScript(const RoutePageData& page, const HasPage& has_page,
                                    bool show_values);

}  // namespace pinfo::html

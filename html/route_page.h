// What the page of one route shows: its latencies over time and as a histogram, the profile of all
// its requests, the slowest of them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "html/report.h"

namespace pinfo::html {

// Whether a request has a page of its own.
using HasPage = std::function<bool(const RequestRow&)>;

// Sixteen hexadecimal digits of the two names: the same in every report of them.
std::string RouteKey(const RouteSummary& route);

// routes/KEY.js.
Result<std::string> RoutePageScript(Reader& reader, const RouteSummary& route,
                                    const ReportOptions& options, const HasPage& has_page);

}  // namespace pinfo::html

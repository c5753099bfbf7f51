// What the overview, the sites, the routes and the processes show, as html/src/data.ts declares it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <nlohmann/json.hpp>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "html/report.h"

namespace pinfo::html {

// As options.lives tells; one whose end was seen does not.
std::optional<bool> LivesNow(const ProcessRow& process, const ReportOptions& options);

SummaryFilter SummaryFilterOf(const ReportOptions& options);

nlohmann::json LatencyJson(const LatencySummary& latency);

Result<nlohmann::json> OverviewData(Reader& reader, const ReportOptions& options);
Result<nlohmann::json> SitesData(Reader& reader, const ReportOptions& options);
// What most time was spent in comes first: the first ones have pages.
Result<std::vector<RouteSummary>> CostliestRoutes(Reader& reader, const ReportOptions& options);
nlohmann::json RoutesData(const std::vector<RouteSummary>& routes, int64_t pages);
Result<nlohmann::json> ProcessesData(Reader& reader, const ReportOptions& options);

}  // namespace pinfo::html

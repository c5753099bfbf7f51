// What the overview, the routes and the processes show, as html/src/data.ts declares it.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "html/report.h"

namespace pinfo::html {

// At most this many points in the chart over time.
inline constexpr int64_t kChartBins = 240;

// Minutes, oldest first, as evenly spaced bins of whole minutes without a gap. A bin's p99 is that
// of its worst minute: percentiles of minutes cannot be added up.
nlohmann::json BinMinutes(const std::vector<std::pair<int64_t, LatencySummary>>& minutes,
                          int64_t* bin_minutes);

Result<nlohmann::json> OverviewData(Reader& reader, const ReportOptions& options);
Result<nlohmann::json> RoutesData(Reader& reader, const ReportOptions& options);
Result<nlohmann::json> ProcessesData(Reader& reader);

}  // namespace pinfo::html

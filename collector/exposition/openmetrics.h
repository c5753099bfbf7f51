// The text that Prometheus scrapes: OpenMetrics 1.0 (github.com/OpenObservability/OpenMetrics,
// specification/OpenMetrics.md), or the older text format 0.0.4 (prometheus.io/docs, "Exposition
// formats") for whoever does not ask for that. Rendering is pure; gathering reads the database.
//
// Families, all of them beginning with pinfo_:
//   requests_total, request_errors_total   counters by site, route, method, status
//   request_duration_seconds               histogram by site and route; bounds are powers of two
//                                          nanoseconds, at which pinfo's own buckets end: no count
//                                          is on the wrong side of a bound
//   process_*                              by pid and command's name
//   metric_*                               own metrics: counters as _total (their sum) and
//                                          _values_total (how many were added), gauges and sets as
//                                          gauges, timings as summaries
//   monitor_level                          0 fine, 1 warning, 2 problem, 3 unknown
//   losses_total                           by kind
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/exposition/request_totals.h"
#include "collector/store/exposition_reader.h"
#include "collector/store/metric_store.h"
#include "collector/store/monitor_store.h"

namespace pinfo {

enum class ExpositionFormat : uint8_t { kOpenMetrics, kText };

// The value of Content-Type.
const char* ContentType(ExpositionFormat format);
// What an Accept header asks for.
ExpositionFormat FormatFor(const std::string& accept);

struct MetricValue {
  MetricSummary metric;
  std::vector<SeriesPoints> days;  // all its days by series: what its counters add up to
};

struct Exposition {
  std::map<RequestKey, RequestCounts> requests;
  int64_t since_wall_ns = 0;  // of requests
  std::vector<ProcessFigures> processes;
  std::vector<MetricValue> metrics;
  std::map<std::string, int64_t> metric_losses;
  std::vector<MonitorRow> monitors;
  LossCounts losses{};
};

std::string RenderExposition(const Exposition& exposition, ExpositionFormat format);

// Reads everything but the requests, which totals has after this too.
Result<Exposition> GatherExposition(const std::string& database, RequestTotals& totals,
                                    int64_t now_wall_ns);

}  // namespace pinfo

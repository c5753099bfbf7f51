#include "cli/request_json.h"

#include <cstdint>
#include <optional>

#include "cli/format.h"

namespace pinfo::cli {
namespace {

using Json = nlohmann::ordered_json;

Json OrNull(const std::optional<int64_t>& value) { return value ? Json(*value) : Json(); }
Json OrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace

Json RequestJson(const RequestRow& row) {
  return {{"id", row.id.value},
          {"pid", row.pid.value},
          {"tid", row.tid.value},
          {"site", OrNull(row.site)},
          {"method", OrNull(row.method)},
          {"target", row.target},
          {"route", OrNull(row.route)},
          {"status", row.status == 0 ? Json() : Json(row.status)},
          {"protocol", OrNull(row.protocol)},
          {"tls", row.tls},
          {"outcome", OutcomeName(row.outcome)},
          {"ended_by", OrNull(EndedByName(row.ended_by))},
          {"start", FormatRfc3339(row.start_wall_ns)},
          {"queue_ns", OrNull(row.queue_ns)},
          {"first_byte_ns", OrNull(row.first_byte_ns)},
          {"latency_ns", row.latency_ns},
          {"on_cpu_ns", OrNull(row.on_cpu_ns)},
          {"blocked_ns", OrNull(row.blocked_ns)},
          {"runqueue_ns", OrNull(row.runqueue_ns)},
          {"waiting_ns", OrNull(row.waiting_ns)},
          {"bytes_in", row.bytes_in},
          {"bytes_out", row.bytes_out},
          {"calls", row.calls},
          {"calls_ns", row.calls_ns},
          {"samples", row.samples},
          {"profiled", row.profiled},
          {"stats_file", OrNull(row.stats_file)}};
}

std::string JsonLine(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace pinfo::cli

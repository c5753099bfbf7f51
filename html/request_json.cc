#include "html/request_json.h"

#include "html/data_script.h"
#include "html/mask.h"

namespace pinfo::html {

std::string ShownTarget(const RequestRow& row, bool show_values) {
  return show_values ? row.target : MaskQueryValues(row.target);
}

nlohmann::json RequestJson(const RequestRow& row, bool show_values) {
  return {
      {"id", row.id.value},
      {"start_us", Microseconds(row.start_wall_ns)},
      {"latency_ns", row.latency_ns},
      {"on_cpu_ns", OrNull(row.on_cpu_ns)},
      {"blocked_ns", OrNull(row.blocked_ns)},
      {"runqueue_ns", OrNull(row.runqueue_ns)},
      {"waiting_ns", OrNull(row.waiting_ns)},
      {"site", row.site},
      {"method", row.method},
      {"target", ShownTarget(row, show_values)},
      {"route", row.route},
      {"status", row.status},
      {"outcome", OutcomeName(row.outcome)},
      {"pid", row.pid.value},
      {"bytes_out", row.bytes_out},
      {"samples", row.samples},
      {"weight", row.weight},
      {"page", true},
  };
}

}  // namespace pinfo::html

#include "collector/pipeline/request_row.h"

#include <algorithm>
#include <utility>

#include "collector/request/site.h"

namespace pinfo {

void FillRow(ServedRequest& request, int64_t start_wall_ns, RouteFolder& routes, RequestRow& row) {
  row.pid = request.pid;
  row.tid = request.begin_tid;
  row.site = SiteOf(request);
  row.route = routes.RouteOf(row.site, request.target);
  row.method = std::move(request.method);
  row.target = std::move(request.target);
  row.status = request.status;
  row.protocol = std::move(request.protocol);
  row.tls = request.tls;
  row.outcome = request.outcome;
  row.ended_by = request.ended_by;
  row.start_wall_ns = start_wall_ns;
  row.queue_ns = request.queue_ns;
  if (request.first_out_ns != 0) {
    row.first_byte_ns = request.first_out_ns - request.start_ns;
  }
  row.latency_ns = request.end_ns - request.start_ns;
  if (request.spent) {
    row.on_cpu_ns = static_cast<int64_t>(request.spent->on_cpu_ns);
    row.blocked_ns = static_cast<int64_t>(request.spent->blocked_ns);
    row.runqueue_ns = static_cast<int64_t>(request.spent->runqueue_ns);
    row.waiting_ns =
        std::max<int64_t>(0, row.latency_ns - *row.on_cpu_ns - *row.blocked_ns - *row.runqueue_ns);
  }
  row.bytes_in = request.bytes_in;
  row.bytes_out = request.bytes_out;
}

}  // namespace pinfo

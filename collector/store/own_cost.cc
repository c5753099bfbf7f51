#include "collector/store/own_cost.h"

namespace pinfo {

OwnCost OwnCostOf(std::span<const SessionRow> sessions) {
  OwnCost cost;
  for (const SessionRow& session : sessions) {
    const int64_t watched_ns = session.end_wall_ns.value_or(0) - session.start_wall_ns;
    if (session.mode == "replay" || watched_ns <= 0) {
      cost.other_cpu_ns += session.own_cpu_ns;
      continue;
    }
    cost.cpu_ns += session.own_cpu_ns;
    cost.watched_ns += watched_ns;
    cost.requests += session.requests_seen;
  }
  return cost;
}

}  // namespace pinfo

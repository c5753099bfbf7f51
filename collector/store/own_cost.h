// What observing cost pinfo itself, over the sessions of a database: status, show and the report
// say the same of it. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "collector/store/rows.h"

namespace pinfo {

// pinfo's own CPU time, of the sessions that say how long they watched: those that have ended and
// are no replay, which watches nothing.
struct OwnCost {
  int64_t cpu_ns = 0;
  int64_t watched_ns = 0;  // wall time from start to end, added up
  int64_t requests = 0;
  int64_t other_cpu_ns = 0;  // of the other sessions
};
OwnCost OwnCostOf(std::span<const SessionRow> sessions);

}  // namespace pinfo

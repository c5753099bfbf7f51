// Which threads worked on a request when, and what of its time that accounts for.
//
// Two threads may work on one request at once: the one that reads it hands it over and goes on for a
// moment, a pool's thread is waited for. Each moment counts for one of them, so that the parts never
// add up to more than the latency. Pure; times are CLOCK_MONOTONIC nanoseconds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bpf/wire.h"
#include "collector/base/ids.h"

namespace pinfo {

// struct pinfo_segment, checked.
struct Segment {
  Tid tid;
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  pinfo_thread_time spent{};
  bool adopted = false;
};

// A thread worked on the request from begin_ns to end_ns.
struct WorkPart {
  Tid tid;
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
  friend bool operator==(const WorkPart&, const WorkPart&) = default;
};

struct Work {
  pinfo_thread_time spent{};    // sums up to at most the length of the parts
  std::vector<WorkPart> parts;  // disjoint, by time
};

// What lies within [start_ns, end_ns]. A moment that several segments hold is the one's that began
// last, of those that touched the connection first.
Work WorkOf(std::vector<Segment> segments, int64_t start_ns, int64_t end_ns);

}  // namespace pinfo

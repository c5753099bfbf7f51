// When the processing thread lets records wait: while no CPU is idle, so that a burst is digested
// when the server rests. Records wait in memory, and neither for long nor beyond a bound: under a
// load that lasts they are processed as fast as they come. Waiting instead of a low priority,
// because a thread that has the database's lock must not be starved, and nothing needs a privilege.
// One thread.
#pragma once

#include <cstdint>

#include "collector/pipeline/chunk_queue.h"
#include "collector/pipeline/idle_meter.h"

namespace pinfo {

// Whether records may wait, where so much of all CPUs' time was idle lately. Pure.
bool MayWait(const Backlog& backlog, double idle_share, int64_t now_ns);

class PutOff {
 public:
  // Whether what waits is to go on waiting at now_ns (CLOCK_MONOTONIC).
  bool operator()(const Backlog& backlog, int64_t now_ns);

 private:
  IdleMeter meter_;
  double idle_share_ = 1;
  int64_t next_measure_ns_ = 0;
};

}  // namespace pinfo

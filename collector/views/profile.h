// Where the time of one or more requests went: a plain value, what every view of functions shows.
#pragma once

#include <cstdint>

#include "collector/profile/call_tree.h"
#include "collector/store/rows.h"

namespace pinfo {

// The tree's total is the latency of what it covers: the on-CPU time spread over the samples
// ([unsampled] where there are none), and frames of their own for what was not on a CPU.
struct Profile {
  CallTree tree;
  int64_t requests = 0;
  int64_t samples = 0;
  StackEndCounts samples_incomplete;  // of samples: stacks that did not reach their thread's start
};

}  // namespace pinfo

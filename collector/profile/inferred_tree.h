// A call tree for a profile that has only functions and calls between them (a stats file): what a
// flame graph of it is drawn from, as snakeviz does.
#pragma once

#include "collector/profile/call_graph.h"
#include "collector/profile/call_tree.h"

namespace pinfo {

// A function's time is shared out among its callers, and theirs among their callers, in proportion
// to the calls' total times; a recursive call is its caller's own time. Exact where every function
// has one caller, else a likely picture. The tree's total is graph.SelfTotalNs() where no time is
// negative. A stats file does not tell kinds of time apart: all but frames without a stack is
// kUnattributed.
CallTree InferCallTree(const CallGraph& graph);

}  // namespace pinfo

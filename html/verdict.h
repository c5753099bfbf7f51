// What a request's time split says, in one sentence.
#pragma once

#include <string>

#include "collector/profile/call_graph.h"
#include "collector/store/rows.h"

namespace pinfo::html {

// Names the kind of time that took at least half of the latency, and the function with most of it
// where the samples show one; says so where there is no such kind, or where the split is not known.
std::string TimeVerdict(const RequestRow& request, const CallGraph& profile);

}  // namespace pinfo::html

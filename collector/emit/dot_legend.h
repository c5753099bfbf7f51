// Kinds of time in call graphs: a table beside the graph, and a colour for each kind.
#pragma once

#include <optional>
#include <string>

#include "collector/profile/call_graph.h"

namespace pinfo {

// "#rrggbb"
const char* TimeKindColor(TimeKind kind);

// The kind that the function's own time is most of; nullopt where it has none or it is not known.
std::optional<TimeKind> MainKindOfTime(const CallGraph::FunctionCost& cost);

// A node without edges that lists the kinds with their time and share of the whole graph's; empty
// where they are not known.
std::string DotLegend(const CallGraph& graph);

}  // namespace pinfo

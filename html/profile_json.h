// A profile as pages take it: its functions, the call tree that the flame graph is drawn from, and
// the call graph as DOT, which the page draws with Graphviz's WebAssembly build.
#pragma once

#include <string>

#include "collector/profile/call_graph.h"
#include "collector/views/profile.h"

namespace pinfo::html {

// The interface Profile of html/src/data.ts. graph: BuildCallGraph(profile.tree).
std::string ProfileJson(const Profile& profile, const CallGraph& graph);

}  // namespace pinfo::html

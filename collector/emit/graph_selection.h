// Which functions and edges of a call graph are worth drawing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collector/base/result.h"
#include "collector/profile/call_graph.h"

namespace pinfo {

struct GraphSelectionOptions {
  // Percent of the graph's total time; what is strictly below is left out.
  double node_threshold = 0.5;
  double edge_threshold = 0.1;
  // Keep only functions whose SourceName begins with one of them.
  std::vector<std::string> paths{};
  // Globs on GraphNodeName. root keeps what it calls, leaf what calls it, both among what the
  // thresholds left; depth limits the number of calls away from them, -1 does not.
  std::string root{};
  std::string leaf{};
  int depth = -1;
};

// Shares of the whole graph's total, 0 to 1.
struct SelectedFunction {
  CallGraph::FunctionIndex function = 0;
  double total_share = 0;
  double self_share = 0;
};

struct SelectedEdge {
  CallGraph::FunctionIndex caller = 0;
  CallGraph::FunctionIndex callee = 0;
  double total_share = 0;
  int64_t calls = 0;
};

struct GraphSelection {
  std::vector<SelectedFunction> functions;  // by index
  std::vector<SelectedEdge> edges;          // by caller, then callee; both ends selected
};

// "basename-without-extension:line:name", what gprof2dot calls a function of a stats file.
std::string GraphNodeName(const Function& function);

// Fails where a root or a leaf is asked for and none matches.
Result<GraphSelection> SelectGraph(const CallGraph& graph, const GraphSelectionOptions& options);

}  // namespace pinfo

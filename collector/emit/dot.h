// Call graphs as DOT, laid out, labelled and coloured in gprof2dot's manner: who knows its pictures
// reads ours, and scripts over its output keep working.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/base/result.h"
#include "collector/emit/dot_theme.h"
#include "collector/emit/graph_selection.h"
#include "collector/profile/call_graph.h"

namespace pinfo {

enum class NodeLabel : uint8_t {
  kSelfTime,  // seconds
  kSelfTimePercentage,
  kTotalTime,  // seconds
  kTotalTimePercentage,
};

// The names "self-time", "self-time-percentage", "total-time" and "total-time-percentage".
std::optional<NodeLabel> ParseNodeLabel(std::string_view name);
std::vector<std::string> NodeLabelNames();

struct DotOptions {
  GraphSelectionOptions selection;
  std::vector<NodeLabel> labels = {NodeLabel::kTotalTimePercentage, NodeLabel::kSelfTimePercentage};
  DotTheme theme = DotTheme::kColor;
  double skew = 1;  // see ThemeColor
  bool color_by_self_time = false;
  bool show_samples = false;  // a line of its own, in sampled profiles only
  bool strip = false;         // C++: names without parameters, const and template arguments
  bool wrap = false;          // names broken into lines of 32 characters at white space
  // Beside the graph a table of the kinds of time, and each node's border in the colour of the kind
  // that its own time is most of. Nothing where the kinds are not known, as in stats files.
  bool legend = false;
};

// A digraph in UTF-8. Fails only where options.selection names a root or leaf that is not there.
Result<std::string> WriteDot(const CallGraph& graph, const DotOptions& options);

// One line of a node's label, and its name as the options want it: for other writers of graphs.
std::string DotNodeLabel(NodeLabel label, const CallGraph::FunctionCost& cost,
                         const SelectedFunction& function);
std::string DotNodeName(const Function& function, const DotOptions& options);

}  // namespace pinfo

#include "collector/emit/dot.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "collector/emit/dot_legend.h"
#include "collector/emit/dot_name.h"
#include "collector/emit/dot_text.h"

namespace pinfo {
namespace {

constexpr std::array<std::pair<std::string_view, NodeLabel>, 4> kNodeLabels = {{
    {"self-time", NodeLabel::kSelfTime},
    {"self-time-percentage", NodeLabel::kSelfTimePercentage},
    {"total-time", NodeLabel::kTotalTime},
    {"total-time-percentage", NodeLabel::kTotalTimePercentage},
}};

class DotWriter {
 public:
  DotWriter(const CallGraph& graph, const DotOptions& options)
      : graph_(graph), options_(options), style_(StyleOf(options.theme)) {}

  std::string Write(const GraphSelection& selection) {
    double largest_self = 0;
    for (const SelectedFunction& function : selection.functions) {
      largest_self = std::max(largest_self, function.self_share);
    }
    dot_ = DotHead(options_.theme, style_, "shape=box, ");
    auto edge = selection.edges.begin();
    for (const SelectedFunction& function : selection.functions) {
      WriteNode(function, NodeWeight(function, largest_self));
      for (; edge != selection.edges.end() && edge->caller == function.function; ++edge) {
        WriteEdge(*edge);
      }
    }
    if (options_.legend) {
      dot_ += DotLegend(graph_);
    }
    return std::move(dot_) + "}\n";
  }

 private:
  [[nodiscard]] double NodeWeight(const SelectedFunction& function, double largest_self) const {
    if (!options_.color_by_self_time || largest_self == 0) {
      return function.total_share;
    }
    return function.self_share / largest_self;
  }

  void WriteNode(const SelectedFunction& function, double weight) {
    const std::string color = Color(weight);
    const CallGraph::FunctionCost& cost = graph_.functions[function.function];
    const std::optional<TimeKind> kind =
        options_.legend && style_.filled ? MainKindOfTime(cost) : std::nullopt;
    // The fill says how much; with a legend the border says of what kind.
    const std::string colors =
        kind ? fmt::format("color={}, fillcolor={}", DotId(TimeKindColor(*kind)), DotId(color))
             : fmt::format("color={}", DotId(color));
    dot_ += fmt::format("\t{} [{}, fontcolor={}, fontsize=\"{:.2f}\", label={}, {}tooltip={}];\n",
                        function.function, colors, DotId(style_.filled ? "#ffffff" : color),
                        ThemeFontSize(style_, weight), DotId(NodeText(function)),
                        kind ? "penwidth=3, " : "", DotId(SourceName(cost.function)));
  }

  [[nodiscard]] std::string NodeText(const SelectedFunction& function) const {
    const CallGraph::FunctionCost& cost = graph_.functions[function.function];
    std::string text = DotNodeName(cost.function, options_);
    for (const NodeLabel label : options_.labels) {
      text += '\n' + DotNodeLabel(label, cost, function);
    }
    if (options_.show_samples && graph_.calls_are_samples) {
      text += '\n' + DotCalls(cost.calls);
    }
    return text + '\n' + DotCalls(cost.calls);
  }

  void WriteEdge(const SelectedEdge& edge) {
    const double weight = edge.total_share;
    const std::string color = DotId(Color(weight));
    const double pen_width = ThemePenWidth(style_, weight);
    dot_ += fmt::format(
        "\t{} -> {} [arrowsize=\"{:.2f}\", color={}, fontcolor={}, fontsize=\"{:.2f}\", label={}, "
        "labeldistance=\"{:.2f}\", penwidth=\"{:.2f}\"];\n",
        edge.caller, edge.callee, ThemeArrowSize(style_, weight), color, color,
        ThemeFontSize(style_, weight), DotId(DotPercentage(weight) + '\n' + DotCalls(edge.calls)),
        pen_width, pen_width);
  }

  [[nodiscard]] std::string Color(double weight) const {
    return ThemeColor(style_, options_.skew, weight);
  }

  const CallGraph& graph_;
  const DotOptions& options_;
  const ThemeStyle& style_;
  std::string dot_;
};

}  // namespace

std::optional<NodeLabel> ParseNodeLabel(std::string_view name) {
  for (const auto& [known, label] : kNodeLabels) {
    if (known == name) {
      return label;
    }
  }
  return std::nullopt;
}

std::vector<std::string> NodeLabelNames() {
  std::vector<std::string> names;
  for (const auto& [name, label] : kNodeLabels) {
    names.emplace_back(name);
  }
  return names;
}

std::string DotNodeLabel(NodeLabel label, const CallGraph::FunctionCost& cost,
                         const SelectedFunction& function) {
  switch (label) {
    case NodeLabel::kSelfTime:
      return fmt::format("({})", DotSeconds(cost.self_ns));
    case NodeLabel::kSelfTimePercentage:
      return fmt::format("({})", DotPercentage(function.self_share));
    case NodeLabel::kTotalTime:
      return DotSeconds(cost.total_ns);
    case NodeLabel::kTotalTimePercentage:
      return DotPercentage(function.total_share);
  }
  return "";
}

std::string DotNodeName(const Function& function, const DotOptions& options) {
  std::string name = GraphNodeName(function);
  if (options.strip) {
    name = StripSignature(std::move(name));
  }
  name = ShortenName(std::move(name));
  return options.wrap ? WrapName(name) : name;
}

Result<std::string> WriteDot(const CallGraph& graph, const DotOptions& options) {
  const Result<GraphSelection> selection = SelectGraph(graph, options.selection);
  if (!selection) {
    return Fail(selection.error().message);
  }
  return DotWriter(graph, options).Write(*selection);
}

}  // namespace pinfo

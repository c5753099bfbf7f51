#include "collector/emit/dot_compare.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "collector/emit/dot_text.h"

namespace pinfo {
namespace {

using FunctionIndex = CallGraph::FunctionIndex;

// Python's repr of a float rounded to as many places as the tolerance has.
std::string Rounded(double difference, double tolerance) {
  const double places = std::pow(10, -std::floor(std::log10(tolerance)));
  std::string text = fmt::format("{}", std::nearbyint(difference * places) / places);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

double EventOf(NodeLabel label, const CallGraph::FunctionCost& cost,
               const SelectedFunction& function) {
  switch (label) {
    case NodeLabel::kSelfTime:
      return static_cast<double>(cost.self_ns) / 1e9;
    case NodeLabel::kSelfTimePercentage:
      return function.self_share;
    case NodeLabel::kTotalTime:
      return static_cast<double>(cost.total_ns) / 1e9;
    case NodeLabel::kTotalTimePercentage:
      return function.total_share;
  }
  return 0;
}

// What `second` has, by the names of functions.
class Counterparts {
 public:
  Counterparts(const CallGraph& graph, const GraphSelection& selection) : graph_(graph) {
    for (const SelectedFunction& function : selection.functions) {
      functions_[NameOf(function.function)] = &function;
    }
    for (const SelectedEdge& edge : selection.edges) {
      edges_[{NameOf(edge.caller), NameOf(edge.callee)}] = &edge;
    }
  }

  [[nodiscard]] const SelectedFunction* Find(const std::string& name) const {
    const auto it = functions_.find(name);
    return it == functions_.end() ? nullptr : it->second;
  }
  [[nodiscard]] const SelectedEdge* Find(const std::string& caller,
                                         const std::string& callee) const {
    const auto it = edges_.find({caller, callee});
    return it == edges_.end() ? nullptr : it->second;
  }
  [[nodiscard]] const CallGraph::FunctionCost& CostOf(const SelectedFunction& function) const {
    return graph_.functions[function.function];
  }

 private:
  [[nodiscard]] std::string NameOf(FunctionIndex function) const {
    return GraphNodeName(graph_.functions[function].function);
  }

  const CallGraph& graph_;
  std::map<std::string, const SelectedFunction*> functions_;
  std::map<std::pair<std::string, std::string>, const SelectedEdge*> edges_;
};

class ComparisonWriter {
 public:
  ComparisonWriter(const CallGraph& graph, const GraphSelection& selection,
                   const Counterparts& others, const DotOptions& options,
                   const DotComparisonOptions& comparison)
      : graph_(graph),
        selection_(selection),
        others_(others),
        options_(options),
        comparison_(comparison),
        style_(StyleOf(options.theme)) {
    for (const SelectedFunction& function : selection.functions) {
      largest_self_ = std::max(largest_self_, function.self_share);
      largest_difference_ = std::max(largest_difference_, DifferenceOf(function));
    }
  }

  std::string Write() {
    dot_ = DotHead(options_.theme, style_, "");
    auto edge = selection_.edges.begin();
    for (const SelectedFunction& function : selection_.functions) {
      WriteNode(function);
      for (; edge != selection_.edges.end() && edge->caller == function.function; ++edge) {
        WriteEdge(*edge);
      }
    }
    return std::move(dot_) + "}\n";
  }

 private:
  struct Drawn {
    std::string text;
    const char* shape = "box";
    int orientation = 0;
    double difference = 0;  // percentage points of total time; 0: within the tolerance
  };

  [[nodiscard]] std::string NameOf(FunctionIndex function) const {
    return GraphNodeName(graph_.functions[function].function);
  }

  // Of the total share, in percentage points; 0 where the other has no such function.
  [[nodiscard]] double DifferenceOf(const SelectedFunction& function) const {
    const SelectedFunction* other = others_.Find(NameOf(function.function));
    return other == nullptr ? 0 : std::abs(function.total_share - other->total_share) * 100;
  }

  void WriteNode(const SelectedFunction& function) {
    const CallGraph::FunctionCost& cost = graph_.functions[function.function];
    const SelectedFunction* other = others_.Find(NameOf(function.function));
    Drawn drawn = {.text = DotNodeName(cost.function, options_)};
    for (const NodeLabel label : options_.labels) {
      drawn.text += '\n';
      if (other == nullptr) {
        drawn.text += DotNodeLabel(label, cost, function);
      } else {
        Compare(label, function, *other, drawn);
        drawn.text +=
            fmt::format("\n{} \xC3\x97/ {} \xC3\x97", cost.calls, others_.CostOf(*other).calls);
      }
    }
    if (other == nullptr) {
      drawn.text += '\n' + DotCalls(cost.calls);
    }
    const double weight = Weight(function, drawn);
    const std::string color = ThemeColor(style_, options_.skew, weight);
    dot_ += fmt::format(
        "\t{} [color={}, fontcolor={}, fontsize=\"{:f}\", label={}, orientation={}, shape={}, "
        "tooltip={}];\n",
        function.function, DotId(color), DotId(style_.filled ? "#ffffff" : color),
        ThemeFontSize(style_, weight), DotId(drawn.text), drawn.orientation, drawn.shape,
        DotId(SourceName(cost.function)));
  }

  void Compare(NodeLabel label, const SelectedFunction& function, const SelectedFunction& other,
               Drawn& drawn) const {
    const CallGraph::FunctionCost& cost = graph_.functions[function.function];
    const double first = EventOf(label, cost, function);
    const double second = EventOf(label, others_.CostOf(other), other);
    const double difference = std::abs(first - second) * 100;
    const bool is_total = label == NodeLabel::kTotalTimePercentage;
    const bool shown =
        difference >= comparison_.tolerance &&
        !(is_total && (second > first ? comparison_.only_faster : comparison_.only_slower));
    drawn.text += DotNodeLabel(label, cost, function);
    if (!shown) {
      return;
    }
    drawn.text += fmt::format(" {} {}%", second > first ? '+' : '-',
                              Rounded(difference, comparison_.tolerance));
    if (is_total) {
      drawn.difference = difference;
      drawn.shape = "cds";
      drawn.orientation = second > first ? 0 : 90;
    }
  }

  [[nodiscard]] double Weight(const SelectedFunction& function, const Drawn& drawn) const {
    if (comparison_.color_by_difference) {
      return largest_difference_ == 0 ? 0 : drawn.difference / largest_difference_;
    }
    return options_.color_by_self_time && largest_self_ != 0 ? function.self_share / largest_self_
                                                             : function.total_share;
  }

  void WriteEdge(const SelectedEdge& edge) {
    const SelectedEdge* other = others_.Find(NameOf(edge.caller), NameOf(edge.callee));
    std::string text = DotPercentage(edge.total_share);
    text += other == nullptr ? "" : " / " + DotPercentage(other->total_share);
    text += '\n' + DotCalls(edge.calls);
    text += other == nullptr ? "" : " / " + DotCalls(other->calls);
    const double weight = comparison_.color_by_difference ? 0 : edge.total_share;
    const std::string color = DotId(ThemeColor(style_, options_.skew, weight));
    const double pen_width = ThemePenWidth(style_, weight);
    dot_ += fmt::format(
        "\t{} -> {} [arrowsize=\"{:.2f}\", color={}, fontcolor={}, fontsize=\"{:.2f}\", label={}, "
        "labeldistance=\"{:.2f}\", penwidth=\"{:.2f}\"];\n",
        edge.caller, edge.callee, ThemeArrowSize(style_, weight), color, color,
        ThemeFontSize(style_, weight), DotId(text), pen_width, pen_width);
  }

  const CallGraph& graph_;
  const GraphSelection& selection_;
  const Counterparts& others_;
  const DotOptions& options_;
  const DotComparisonOptions& comparison_;
  const ThemeStyle& style_;
  double largest_self_ = 0;
  double largest_difference_ = 0;
  std::string dot_;
};

}  // namespace

Result<std::string> WriteDotComparison(const CallGraph& first, const CallGraph& second,
                                       const DotOptions& options,
                                       const DotComparisonOptions& comparison) {
  const Result<GraphSelection> selection = SelectGraph(first, options.selection);
  const Result<GraphSelection> other = SelectGraph(second, options.selection);
  for (const auto* each : {&selection, &other}) {
    if (!*each) {
      return Fail(each->error().message);
    }
  }
  const Counterparts others(second, *other);
  return ComparisonWriter(first, *selection, others, options, comparison).Write();
}

}  // namespace pinfo

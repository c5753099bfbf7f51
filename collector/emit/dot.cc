#include "collector/emit/dot.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "collector/emit/dot_name.h"

namespace pinfo {
namespace {

constexpr std::string_view kTimes = "\xC3\x97";  // U+00D7, the multiplication sign
constexpr std::string_view kFont = "Arial";

constexpr std::array<std::pair<std::string_view, NodeLabel>, 4> kNodeLabels = {{
    {"self-time", NodeLabel::kSelfTime},
    {"self-time-percentage", NodeLabel::kSelfTimePercentage},
    {"total-time", NodeLabel::kTotalTime},
    {"total-time-percentage", NodeLabel::kTotalTimePercentage},
}};

// DOT takes letters and digits bare unless they are a keyword; all else needs quotes.
bool IsBareId(std::string_view text) {
  static constexpr std::array<std::string_view, 6> kKeywords = {"node",    "edge",     "graph",
                                                                "digraph", "subgraph", "strict"};
  std::string lower;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) {
      return false;
    }
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return !text.empty() && !text.starts_with("0x") &&
         std::find(kKeywords.begin(), kKeywords.end(), lower) == kKeywords.end();
}

std::string Id(std::string_view text) {
  if (IsBareId(text)) {
    return std::string(text);
  }
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '\\':
        quoted += "\\\\";
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '"':
        quoted += "\\\"";
        break;
      default:
        quoted += c;
    }
  }
  return quoted + '"';
}

std::string Percentage(double share) { return fmt::format("{:.2f}%", share * 100); }

// gprof2dot's %.7g.
std::string Seconds(int64_t ns) { return fmt::format("{:.7g}", static_cast<double>(ns) / 1e9); }

std::string Calls(int64_t calls) { return fmt::format("{}{}", calls, kTimes); }

class DotWriter {
 public:
  DotWriter(const CallGraph& graph, const DotOptions& options)
      : graph_(graph), options_(options), style_(StyleOf(options.theme)) {}

  std::string Write(const GraphSelection& selection) {
    double largest_self = 0;
    for (const SelectedFunction& function : selection.functions) {
      largest_self = std::max(largest_self, function.self_share);
    }
    WriteHead();
    auto edge = selection.edges.begin();
    for (const SelectedFunction& function : selection.functions) {
      WriteNode(function, NodeWeight(function, largest_self));
      for (; edge != selection.edges.end() && edge->caller == function.function; ++edge) {
        WriteEdge(*edge);
      }
    }
    return std::move(dot_) + "}\n";
  }

 private:
  void WriteHead() {
    // Without a tooltip of its own an unnamed graph has Graphviz's internal name for one.
    dot_ = fmt::format(
        "digraph {{\n"
        "\ttooltip=\" \"\n"
        "\tgraph [fontname={0}, nodesep=0.125, ranksep=0.25];\n"
        "\tnode [fontcolor={1}, fontname={0}, height=0, shape=box, style={2}, width=0];\n"
        "\tedge [fontname={0}];\n",
        kFont, options_.theme == DotTheme::kPrint ? "black" : "white",
        style_.filled ? "filled" : "solid");
  }

  [[nodiscard]] double NodeWeight(const SelectedFunction& function, double largest_self) const {
    if (!options_.color_by_self_time || largest_self == 0) {
      return function.total_share;
    }
    return function.self_share / largest_self;
  }

  void WriteNode(const SelectedFunction& function, double weight) {
    const std::string color = Color(weight);
    dot_ +=
        fmt::format("\t{} [color={}, fontcolor={}, fontsize=\"{:.2f}\", label={}, tooltip={}];\n",
                    function.function, Id(color), Id(style_.filled ? "#ffffff" : color),
                    ThemeFontSize(style_, weight), Id(NodeText(function)),
                    Id(SourceName(graph_.functions[function.function].function)));
  }

  [[nodiscard]] std::string NodeText(const SelectedFunction& function) const {
    const CallGraph::FunctionCost& cost = graph_.functions[function.function];
    std::string name = GraphNodeName(cost.function);
    if (options_.strip) {
      name = StripSignature(std::move(name));
    }
    name = ShortenName(std::move(name));
    std::string text = options_.wrap ? WrapName(name) : name;
    for (const NodeLabel label : options_.labels) {
      text += '\n';
      switch (label) {
        case NodeLabel::kSelfTime:
          text += fmt::format("({})", Seconds(cost.self_ns));
          break;
        case NodeLabel::kSelfTimePercentage:
          text += fmt::format("({})", Percentage(function.self_share));
          break;
        case NodeLabel::kTotalTime:
          text += Seconds(cost.total_ns);
          break;
        case NodeLabel::kTotalTimePercentage:
          text += Percentage(function.total_share);
          break;
      }
    }
    if (options_.show_samples && graph_.calls_are_samples) {
      text += '\n' + Calls(cost.calls);
    }
    return text + '\n' + Calls(cost.calls);
  }

  void WriteEdge(const SelectedEdge& edge) {
    const double weight = edge.total_share;
    const std::string color = Id(Color(weight));
    const double pen_width = ThemePenWidth(style_, weight);
    dot_ += fmt::format(
        "\t{} -> {} [arrowsize=\"{:.2f}\", color={}, fontcolor={}, fontsize=\"{:.2f}\", label={}, "
        "labeldistance=\"{:.2f}\", penwidth=\"{:.2f}\"];\n",
        edge.caller, edge.callee, ThemeArrowSize(style_, weight), color, color,
        ThemeFontSize(style_, weight), Id(Percentage(weight) + '\n' + Calls(edge.calls)), pen_width,
        pen_width);
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

Result<std::string> WriteDot(const CallGraph& graph, const DotOptions& options) {
  const Result<GraphSelection> selection = SelectGraph(graph, options.selection);
  if (!selection) {
    return Fail(selection.error().message);
  }
  return DotWriter(graph, options).Write(*selection);
}

}  // namespace pinfo

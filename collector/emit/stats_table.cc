#include "collector/emit/stats_table.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "collector/emit/regular_expression.h"

namespace pinfo {
namespace {

using FunctionIndex = CallGraph::FunctionIndex;

// Less than 0 where a comes before b.
int Compare(const CallGraph::FunctionCost& a, const CallGraph::FunctionCost& b, StatsSortKey key) {
  const auto descending = [](int64_t x, int64_t y) { return x > y ? -1 : x < y ? 1 : 0; };
  const Function& f = a.function;
  const Function& g = b.function;
  switch (key) {
    case StatsSortKey::kCalls:
      return descending(a.calls, b.calls);
    case StatsSortKey::kPrimitiveCalls:
      return descending(a.primitive_calls, b.primitive_calls);
    case StatsSortKey::kSelfTime:
      return descending(a.self_ns, b.self_ns);
    case StatsSortKey::kTotalTime:
      return descending(a.total_ns, b.total_ns);
    case StatsSortKey::kFile:
      return SourceName(f).compare(SourceName(g));
    case StatsSortKey::kLine:
      return descending(g.line, f.line);
    case StatsSortKey::kName:
      return f.name.compare(g.name);
    case StatsSortKey::kNameFileLine:
      for (const StatsSortKey part :
           {StatsSortKey::kName, StatsSortKey::kFile, StatsSortKey::kLine}) {
        if (const int order = Compare(a, b, part); order != 0) {
          return order;
        }
      }
      return 0;
    case StatsSortKey::kStandardName:
      return StandardName(f).compare(StandardName(g));
  }
  return 0;
}

// Python's repr of a str: its quotes are single unless the text has such and no double ones.
std::string PythonRepr(const std::string& text) {
  const bool is_double =
      text.find('\'') != std::string::npos && text.find('"') == std::string::npos;
  const char quote = is_double ? '"' : '\'';
  std::string repr(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') {
      repr += '\\';
    }
    if (c == '\n' || c == '\t' || c == '\r') {
      repr += c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r";
    } else {
      repr += c;
    }
  }
  return repr + quote;
}

std::string PythonRepr(double number) {
  std::string text = fmt::format("{}", number);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

std::string PythonRepr(int64_t number) { return std::to_string(number); }

// A list of functions and what pstats says above it of how it came about.
struct Listing {
  std::vector<FunctionIndex> lines;
  std::string message;
};

class Restrict {
 public:
  Restrict(const CallGraph& graph, std::vector<FunctionIndex>& lines)
      : graph_(graph), lines_(lines) {}

  Status operator()(int64_t limit) const {
    lines_.resize(std::min(lines_.size(), static_cast<size_t>(limit)));
    return {};
  }
  Status operator()(double share) const {
    lines_.resize(static_cast<size_t>(static_cast<double>(lines_.size()) * share + 0.5));
    return {};
  }
  Status operator()(const std::string& pattern) const {
    const Result<RegularExpression> expression = RegularExpression::Compile(pattern);
    if (!expression) {
      return Fail(expression.error().message);
    }
    std::erase_if(lines_, [&](FunctionIndex line) {
      return !expression->Matches(StandardName(graph_.functions[line].function));
    });
    return {};
  }

 private:
  const CallGraph& graph_;
  std::vector<FunctionIndex>& lines_;
};

std::vector<FunctionIndex> Sorted(const CallGraph& graph, const StatsTableOptions& options) {
  std::vector<FunctionIndex> lines(graph.functions.size());
  std::iota(lines.begin(), lines.end(), FunctionIndex{0});
  if (options.sort.empty()) {
    return lines;
  }
  std::stable_sort(lines.begin(), lines.end(), [&](FunctionIndex a, FunctionIndex b) {
    for (const StatsSortKey key : options.sort) {
      if (const int order = Compare(graph.functions[a], graph.functions[b], key); order != 0) {
        return order < 0;
      }
    }
    return false;
  });
  if (options.reverse) {
    std::reverse(lines.begin(), lines.end());
  }
  return lines;
}

Listing List(const CallGraph& graph, const StatsTableOptions& options) {
  Listing listing = {.lines = Sorted(graph, options), .message = ""};
  for (const StatsSortKey key : options.sort) {
    listing.message += listing.message.empty() ? "   Ordered by: " : ", ";
    listing.message += StatsSortKeyDescription(key);
  }
  listing.message += options.sort.empty() ? "   Random listing order was used\n" : "\n";
  for (const StatsRestriction& restriction : options.restrictions) {
    const size_t before = listing.lines.size();
    const Status status = std::visit(Restrict(graph, listing.lines), restriction);
    const std::string repr =
        std::visit([](const auto& value) { return PythonRepr(value); }, restriction);
    if (!status) {
      listing.message += fmt::format("   <Invalid regular expression {}>\n", repr);
    }
    if (listing.lines.size() != before) {
      listing.message += fmt::format("   List reduced from {} to {} due to restriction <{}>\n",
                                     before, listing.lines.size(), repr);
    }
  }
  return listing;
}

// Characters, as Python counts them. REQUIRES: valid UTF-8, as everything in a CallGraph is.
size_t CharacterCount(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string PadRight(const std::string& text, size_t width) {
  const size_t characters = CharacterCount(text);
  return text + std::string(width > characters ? width - characters : 0, ' ');
}

// One end of an edge: who called, or who was called.
struct Call {
  FunctionIndex other = 0;
  const CallGraph::Edge* edge = nullptr;
};

std::string FormatCalls(const CallGraph& graph, std::vector<Call> calls, size_t name_width) {
  if (calls.empty()) {
    return "\n";
  }
  std::sort(calls.begin(), calls.end(), [&graph](const Call& a, const Call& b) {
    const Function& f = graph.functions[a.other].function;
    const Function& g = graph.functions[b.other].function;
    return std::tuple(SourceName(f), f.line, std::string_view(f.name)) <
           std::tuple(SourceName(g), g.line, std::string_view(g.name));
  });
  std::string text;
  for (size_t i = 0; i < calls.size(); ++i) {
    const CallGraph::Edge& edge = *calls[i].edge;
    const std::string counts = edge.calls == edge.primitive_calls
                                   ? fmt::format("{}", edge.calls)
                                   : fmt::format("{}/{}", edge.calls, edge.primitive_calls);
    text +=
        fmt::format("{}{:>{}} {:8.3f} {:8.3f}  {}\n", std::string(i == 0 ? 0 : name_width + 1, ' '),
                    counts, i == 0 ? 7 : 9, static_cast<double>(edge.self_ns) / 1e9,
                    static_cast<double>(edge.total_ns) / 1e9,
                    StandardName(graph.functions[calls[i].other].function));
  }
  return text;
}

std::string FormatCallTable(const CallGraph& graph, const StatsTableOptions& options,
                            bool callers) {
  const Listing listing = List(graph, options);
  if (listing.lines.empty()) {
    return "";
  }
  std::vector<std::vector<Call>> calls(graph.functions.size());
  for (const CallGraph::Edge& edge : graph.edges) {
    calls[callers ? edge.callee : edge.caller].push_back(
        {.other = callers ? edge.caller : edge.callee, .edge = &edge});
  }
  size_t width = 0;
  for (const FunctionIndex line : listing.lines) {
    width = std::max(width, CharacterCount(StandardName(graph.functions[line].function)));
  }
  width += 2;
  std::string table = listing.message + '\n' + PadRight("Function ", width) +
                      (callers ? "was called by..." : "called...") + '\n';
  if (!graph.edges.empty()) {
    table += std::string(width, ' ') + "    ncalls  tottime  cumtime\n";
  }
  for (const FunctionIndex line : listing.lines) {
    table += PadRight(StandardName(graph.functions[line].function), width) +
             (callers ? "<- " : "-> ") + FormatCalls(graph, calls[line], width);
  }
  return table + "\n\n";
}

std::string PerCall(int64_t ns, int64_t calls) {
  return calls == 0
             ? std::string(8, ' ')
             : fmt::format("{:8.3f}", static_cast<double>(ns) / 1e9 / static_cast<double>(calls));
}

std::string FormatLine(const CallGraph::FunctionCost& cost) {
  const std::string calls = cost.calls == cost.primitive_calls
                                ? fmt::format("{}", cost.calls)
                                : fmt::format("{}/{}", cost.calls, cost.primitive_calls);
  return fmt::format("{:>9} {:8.3f} {} {:8.3f} {} {}\n", calls,
                     static_cast<double>(cost.self_ns) / 1e9, PerCall(cost.self_ns, cost.calls),
                     static_cast<double>(cost.total_ns) / 1e9,
                     PerCall(cost.total_ns, cost.primitive_calls), StandardName(cost.function));
}

std::string FormatHeading(const CallGraph& graph) {
  const double seconds = static_cast<double>(graph.SelfTotalNs()) / 1e9;
  if (graph.calls_are_samples) {
    return fmt::format(
        "         {} functions in {:.3f} seconds; sampled: ncalls counts samples, not calls\n\n",
        graph.functions.size(), seconds);
  }
  int64_t calls = 0;
  int64_t primitive_calls = 0;
  for (const CallGraph::FunctionCost& cost : graph.functions) {
    calls += cost.calls;
    primitive_calls += cost.primitive_calls;
  }
  std::string primitive;
  if (calls != primitive_calls) {
    primitive = fmt::format("({} primitive calls) ", primitive_calls);
  }
  return fmt::format("         {} function calls {}in {:.3f} seconds\n\n", calls, primitive,
                     seconds);
}

}  // namespace

std::string_view StatsSortKeyDescription(StatsSortKey key) {
  switch (key) {
    case StatsSortKey::kCalls:
      return "call count";
    case StatsSortKey::kPrimitiveCalls:
      return "primitive call count";
    case StatsSortKey::kSelfTime:
      return "internal time";
    case StatsSortKey::kTotalTime:
      return "cumulative time";
    case StatsSortKey::kFile:
      return "file name";
    case StatsSortKey::kLine:
      return "line number";
    case StatsSortKey::kName:
      return "function name";
    case StatsSortKey::kNameFileLine:
      return "name/file/line";
    case StatsSortKey::kStandardName:
      return "standard name";
  }
  return "";
}

Result<StatsSortKey> ParseSortKey(std::string_view text) {
  std::optional<StatsSortKey> found;
  bool ambiguous = false;
  for (const auto& [name, key] : kStatsSortKeyNames) {
    if (name == text) {
      return key;
    }
    if (name.starts_with(text)) {
      ambiguous = ambiguous || (found && *found != key);
      found = key;
    }
  }
  if (found && !ambiguous) {
    return *found;
  }
  std::string names;
  for (const auto& [name, key] : kStatsSortKeyNames) {
    names += names.empty() ? "" : ", ";
    names += name;
  }
  return Fail(fmt::format("sort key '{}' is {}; there are: {}", text,
                          found ? "ambiguous" : "unknown", names));
}

Result<std::vector<StatsSortKey>> ParseSortKeys(std::string_view text) {
  std::vector<StatsSortKey> keys;
  while (true) {
    const size_t comma = std::min(text.find(','), text.size());
    const Result<StatsSortKey> key = ParseSortKey(text.substr(0, comma));
    if (!key) {
      return Fail(key.error().message);
    }
    keys.push_back(*key);
    if (comma == text.size()) {
      return keys;
    }
    text.remove_prefix(comma + 1);
  }
}

Result<StatsRestriction> ParseRestriction(const std::string& text) {
  const char* end = text.data() + text.size();
  int64_t limit = 0;
  const auto whole = std::from_chars(text.data(), end, limit);
  if (whole.ec == std::errc() && whole.ptr == end && limit >= 0) {
    return limit;
  }
  double share = 0;
  const auto fraction = std::from_chars(text.data(), end, share);
  if (fraction.ec == std::errc() && fraction.ptr == end) {
    if (share >= 0 && share <= 1) {
      return share;
    }
    return Fail(
        fmt::format("'{}' is neither a number of lines, a share from 0 to 1 nor a regular "
                    "expression",
                    text));
  }
  if (const auto expression = RegularExpression::Compile(text); !expression) {
    return Fail(expression.error().message);
  }
  return text;
}

std::string StandardName(const Function& function) {
  const std::string_view source = SourceName(function);
  if (source != "~" || function.line != 0) {
    return fmt::format("{}:{}({})", source, function.line, function.name);
  }
  const std::string_view name = function.name;
  if (name.size() >= 2 && name.starts_with('<') && name.ends_with('>')) {
    return fmt::format("{{{}}}", name.substr(1, name.size() - 2));
  }
  return function.name;
}

Result<std::vector<FunctionIndex>> SelectFunctions(const CallGraph& graph,
                                                   const StatsTableOptions& options) {
  std::vector<FunctionIndex> lines = Sorted(graph, options);
  for (const StatsRestriction& restriction : options.restrictions) {
    if (const Status status = std::visit(Restrict(graph, lines), restriction); !status) {
      return Fail(status.error().message);
    }
  }
  return lines;
}

std::string FormatStatsTable(const CallGraph& graph, const StatsTableOptions& options,
                             const std::vector<std::string>& sources) {
  std::string table;
  for (const std::string& source : sources) {
    table += source + '\n';
  }
  table += sources.empty() ? "" : "\n";
  table += FormatHeading(graph);
  const Listing listing = List(graph, options);
  if (listing.lines.empty()) {
    return table;
  }
  table += listing.message +
           "\n   ncalls  tottime  percall  cumtime  percall filename:lineno(function)\n";
  for (const FunctionIndex line : listing.lines) {
    table += FormatLine(graph.functions[line]);
  }
  return table + "\n\n";
}

std::string FormatCallers(const CallGraph& graph, const StatsTableOptions& options) {
  return FormatCallTable(graph, options, true);
}

std::string FormatCallees(const CallGraph& graph, const StatsTableOptions& options) {
  return FormatCallTable(graph, options, false);
}

}  // namespace pinfo

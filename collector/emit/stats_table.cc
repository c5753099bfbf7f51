#include "collector/emit/stats_table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <regex.h>

namespace pinfo {
namespace {

using FunctionIndex = CallGraph::FunctionIndex;

struct SortKeyName {
  std::string_view name;
  StatsSortKey key;
};

constexpr std::array<SortKeyName, 13> kSortKeyNames = {{
    {"calls", StatsSortKey::kCalls},
    {"ncalls", StatsSortKey::kCalls},
    {"cumtime", StatsSortKey::kTotalTime},
    {"cumulative", StatsSortKey::kTotalTime},
    {"filename", StatsSortKey::kFile},
    {"line", StatsSortKey::kLine},
    {"module", StatsSortKey::kFile},
    {"name", StatsSortKey::kName},
    {"nfl", StatsSortKey::kNameFileLine},
    {"pcalls", StatsSortKey::kPrimitiveCalls},
    {"stdname", StatsSortKey::kStandardName},
    {"time", StatsSortKey::kSelfTime},
    {"tottime", StatsSortKey::kSelfTime},
}};

std::string_view Description(StatsSortKey key) {
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
  for (const SortKeyName& known : kSortKeyNames) {
    if (known.name == text) {
      return known.key;
    }
    if (known.name.starts_with(text)) {
      ambiguous = ambiguous || (found && *found != known.key);
      found = known.key;
    }
  }
  if (found && !ambiguous) {
    return *found;
  }
  std::string names;
  for (const SortKeyName& known : kSortKeyNames) {
    names += names.empty() ? "" : ", ";
    names += known.name;
  }
  return Fail(fmt::format("sort key '{}' is {}; there are: {}", text,
                          found ? "ambiguous" : "unknown", names));
}

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

struct FreeRegex {
  void operator()(regex_t* regex) const {
    ::regfree(regex);
    delete regex;
  }
};
using RegexPointer = std::unique_ptr<regex_t, FreeRegex>;

// POSIX regular expressions, not std::regex: that one throws, and overflows the stack on names of
// the length C++ templates have.
Result<RegexPointer> CompileRegex(const std::string& pattern) {
  auto regex = std::make_unique<regex_t>();
  const int error = ::regcomp(regex.get(), pattern.c_str(), REG_EXTENDED | REG_NOSUB);
  if (error != 0) {
    std::array<char, 128> reason{};
    ::regerror(error, regex.get(), reason.data(), reason.size());
    return Fail(fmt::format("'{}' is no regular expression: {}", pattern, reason.data()));
  }
  return RegexPointer(regex.release());
}

struct Restrict {
  const CallGraph& graph;
  std::vector<FunctionIndex>& lines;

  Status operator()(int64_t limit) const {
    lines.resize(std::min(lines.size(), static_cast<size_t>(limit)));
    return {};
  }
  Status operator()(double share) const {
    lines.resize(static_cast<size_t>(static_cast<double>(lines.size()) * share + 0.5));
    return {};
  }
  Status operator()(const std::string& pattern) const {
    const Result<RegexPointer> regex = CompileRegex(pattern);
    if (!regex) {
      return Fail(regex.error().message);
    }
    std::erase_if(lines, [&](FunctionIndex line) {
      const std::string name = StandardName(graph.functions[line].function);
      return ::regexec(regex->get(), name.c_str(), 0, nullptr, 0) != 0;
    });
    return {};
  }
};

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
  if (const Result<RegexPointer> regex = CompileRegex(text); !regex) {
    return Fail(regex.error().message);
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
  std::vector<FunctionIndex> lines(graph.functions.size());
  std::iota(lines.begin(), lines.end(), FunctionIndex{0});
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
  for (const StatsRestriction& restriction : options.restrictions) {
    if (const Status status = std::visit(Restrict{graph, lines}, restriction); !status) {
      return Fail(status.error().message);
    }
  }
  return lines;
}

Result<std::string> FormatStatsTable(const CallGraph& graph, const StatsTableOptions& options) {
  const Result<std::vector<FunctionIndex>> lines = SelectFunctions(graph, options);
  if (!lines) {
    return Fail(lines.error().message);
  }
  std::string table = FormatHeading(graph) + "   Ordered by: ";
  for (size_t i = 0; i < options.sort.size(); ++i) {
    table += i == 0 ? "" : ", ";
    table += Description(options.sort[i]);
  }
  table += '\n';
  if (lines->size() < graph.functions.size()) {
    table += fmt::format("   {} of {} functions shown\n", lines->size(), graph.functions.size());
  }
  table += "\n   ncalls  tottime  percall  cumtime  percall filename:lineno(function)\n";
  for (const FunctionIndex line : *lines) {
    table += FormatLine(graph.functions[line]);
  }
  return table;
}

}  // namespace pinfo

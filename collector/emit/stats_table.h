// The tables of `python -m pstats`: functions sorted and restricted as its users know it, with who
// called them and whom they called. Where calls are exact the text is pstats' to the byte.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "collector/base/result.h"
#include "collector/profile/call_graph.h"

namespace pinfo {

enum class StatsSortKey : uint8_t {
  kCalls,
  kPrimitiveCalls,
  kSelfTime,
  kTotalTime,
  kFile,
  kLine,
  kName,
  kNameFileLine,
  kStandardName,
};

// pstats' names and what they stand for, in its order.
inline constexpr std::array<std::pair<std::string_view, StatsSortKey>, 13> kStatsSortKeyNames = {{
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
std::string_view StatsSortKeyDescription(StatsSortKey key);  // "cumulative time"

// One of those names or a prefix that means one thing only.
Result<StatsSortKey> ParseSortKey(std::string_view text);
// Several with commas between.
Result<std::vector<StatsSortKey>> ParseSortKeys(std::string_view text);

// At most so many lines; that share of the lines (0 to 1); the lines that match a regular
// expression (Perl's, which is nearly Python's). In that order of what a text is tried as.
using StatsRestriction = std::variant<int64_t, double, std::string>;
Result<StatsRestriction> ParseRestriction(const std::string& text);

struct StatsTableOptions {
  std::vector<StatsSortKey> sort = {StatsSortKey::kTotalTime};  // empty: the graph's order
  bool reverse = false;                                         // only where there is a sort
  std::vector<StatsRestriction> restrictions;                   // applied one after the other
};

// "file:line(name)", and names alone for what is in no file.
std::string StandardName(const Function& function);

// Times and counts descend, texts and lines ascend; equals stay in the graph's order. Fails on a
// malformed regular expression.
Result<std::vector<CallGraph::FunctionIndex>> SelectFunctions(const CallGraph& graph,
                                                              const StatsTableOptions& options);

// The tables, from pstats' first heading to its last empty lines. sources: the lines that say what
// the profile is of. Where calls are samples the table says so. A malformed regular expression
// restricts nothing and is said, as in pstats.
std::string FormatStatsTable(const CallGraph& graph, const StatsTableOptions& options,
                             const std::vector<std::string>& sources);
std::string FormatCallers(const CallGraph& graph, const StatsTableOptions& options);
std::string FormatCallees(const CallGraph& graph, const StatsTableOptions& options);

}  // namespace pinfo

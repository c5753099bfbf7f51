// The table of `python -m pstats`: one line a function, sorted and restricted as its users know it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
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

// pstats' names (calls, ncalls, cumtime, cumulative, filename, line, module, name, nfl, pcalls,
// stdname, time, tottime) and prefixes that mean one thing only; several with commas between.
Result<std::vector<StatsSortKey>> ParseSortKeys(std::string_view text);

// At most so many lines; that share of the lines (0 to 1); the lines that match a POSIX extended
// regular expression. In that order of what a text is tried as.
using StatsRestriction = std::variant<int64_t, double, std::string>;
Result<StatsRestriction> ParseRestriction(const std::string& text);

struct StatsTableOptions {
  std::vector<StatsSortKey> sort = {StatsSortKey::kTotalTime};
  bool reverse = false;
  std::vector<StatsRestriction> restrictions;  // applied one after the other
};

// "file:line(name)", and names alone for what is in no file.
std::string StandardName(const Function& function);

// Times and counts descend, texts and lines ascend; equals stay in the graph's order. Fails on a
// malformed regular expression.
Result<std::vector<CallGraph::FunctionIndex>> SelectFunctions(const CallGraph& graph,
                                                              const StatsTableOptions& options);

// The table with its heading. Where calls are samples it says so.
Result<std::string> FormatStatsTable(const CallGraph& graph, const StatsTableOptions& options);

}  // namespace pinfo

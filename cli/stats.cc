// pinfo stats: the functions of a profile as the table of `python -m pstats`.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/profile_input.h"
#include "collector/emit/stats_table.h"

namespace pinfo::cli {
namespace {

struct StatsOptions {
  ProfileInput input;
  std::string sort = "cumtime";
  std::vector<std::string> limits;
  bool reverse = false;
  bool strip_directories = false;
  bool callers = false;
  bool callees = false;
};

using Json = nlohmann::ordered_json;

constexpr int64_t kDefaultLimit = 30;

Json JsonOfCalls(const CallGraph& graph, CallGraph::FunctionIndex function, bool callers) {
  Json calls = Json::array();
  for (const CallGraph::Edge& edge : graph.edges) {
    if ((callers ? edge.callee : edge.caller) == function) {
      const Function& other = graph.functions[callers ? edge.caller : edge.callee].function;
      calls.push_back({{"function", other.name},
                       {"file", other.file},
                       {"line", other.line},
                       {graph.calls_are_samples ? "samples" : "calls", edge.calls},
                       {"self_ns", edge.self_ns},
                       {"total_ns", edge.total_ns}});
    }
  }
  return calls;
}

Result<StatsTableOptions> TableOptions(const StatsOptions& options, bool json) {
  StatsTableOptions table;
  Result<std::vector<StatsSortKey>> sort = ParseSortKeys(options.sort);
  if (!sort) {
    return Fail(sort.error().message);
  }
  table.sort = std::move(*sort);
  table.reverse = options.reverse;
  for (const std::string& limit : options.limits) {
    Result<StatsRestriction> restriction = ParseRestriction(limit);
    if (!restriction) {
      return Fail(restriction.error().message);
    }
    table.restrictions.push_back(std::move(*restriction));
  }
  if (options.limits.empty() && !json) {
    table.restrictions.emplace_back(kDefaultLimit);
  }
  return table;
}

Json JsonOf(const CallGraph& graph, CallGraph::FunctionIndex index, const StatsOptions& options) {
  const CallGraph::FunctionCost& cost = graph.functions[index];
  Json line = {{"function", cost.function.name}, {"file", cost.function.file},
               {"module", cost.function.module}, {"line", cost.function.line},
               {"self_ns", cost.self_ns},        {"total_ns", cost.total_ns}};
  if (graph.calls_are_samples) {
    line["samples"] = cost.calls;
  } else {
    line["calls"] = cost.calls;
    line["primitive_calls"] = cost.primitive_calls;
  }
  if (cost.total_by_kind != std::array<int64_t, kTimeKindCount>{}) {
    for (const TimeKind kind : kTimeKinds) {
      const auto index = static_cast<size_t>(kind);
      line[fmt::format("self_{}_ns", TimeKindKey(kind))] = cost.self_by_kind[index];
      line[fmt::format("total_{}_ns", TimeKindKey(kind))] = cost.total_by_kind[index];
    }
  }
  if (options.callers || options.callees) {
    line[options.callers ? "callers" : "callees"] = JsonOfCalls(graph, index, options.callers);
  }
  return line;
}

Result<std::string> FormatJson(const CallGraph& graph, const StatsTableOptions& table,
                               const StatsOptions& options) {
  const Result<std::vector<CallGraph::FunctionIndex>> lines = SelectFunctions(graph, table);
  if (!lines) {
    return Fail(lines.error().message);
  }
  std::string text;
  for (const CallGraph::FunctionIndex line : *lines) {
    text +=
        JsonOf(graph, line, options).dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
  }
  return text;
}

Result<std::string> Format(const CallGraph& graph, const StatsTableOptions& table,
                           const StatsOptions& options, const std::vector<std::string>& sources) {
  if (options.callers) {
    return FormatCallers(graph, table);
  }
  return options.callees ? FormatCallees(graph, table) : FormatStatsTable(graph, table, sources);
}

void RunStats(const StatsOptions& options, const GlobalOptions& global) {
  const Result<StatsTableOptions> table = TableOptions(options, global.json);
  if (!table) {
    ReportError(table.error().message);
    SetExit(kExitUsage);
    return;
  }
  Result<LoadedProfile> profile = LoadProfile(global, options.input);
  if (!profile) {
    ReportError(profile.error().message);
    return;
  }
  CallGraph graph = GraphForDisplay(std::move(profile->graph));
  if (graph.functions.empty()) {
    PrintAll(global.json ? "" : "No data yet.\n");
    return;
  }
  if (options.strip_directories) {
    graph = StripDirectories(graph);
  }
  const Result<std::string> text = global.json ? FormatJson(graph, *table, options)
                                               : Format(graph, *table, options, profile->sources);
  if (!text) {
    ReportError(text.error().message);
    return;
  }
  PrintAll(*text);
}

}  // namespace

void RegisterStats(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<StatsOptions>();
  CLI::App* command = app.add_subcommand(
      "stats",
      "The functions of a request, a route, stats files or everything, as pstats lists them");
  options->input.order = FunctionOrder::kKeys;
  AddProfileInputOptions(*command, options->input);
  command
      ->add_option("--sort", options->sort,
                   "calls, cumtime, filename, line, name, nfl, pcalls, stdname, tottime; unique "
                   "prefixes do, commas between several")
      ->capture_default_str();
  command
      ->add_option("--limit", options->limits,
                   "A number of lines, a share of them (0.1) or a regular expression; several "
                   "apply in turn (30 where none is given)")
      ->allow_extra_args(false);
  command->add_flag("--reverse", options->reverse, "The other way round");
  auto* callers = command->add_flag("--callers", options->callers,
                                    "Who called each of the functions, instead of the table");
  command->add_flag("--callees", options->callees, "Whom each of the functions called")
      ->excludes(callers);
  command->add_flag("--strip-dirs", options->strip_directories, "File names without directories");
  command->callback([options, &global] { RunStats(*options, global); });
}

}  // namespace pinfo::cli

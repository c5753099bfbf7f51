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
};

constexpr int64_t kDefaultLimit = 30;

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

std::string JsonLine(const CallGraph::FunctionCost& cost, bool calls_are_samples) {
  nlohmann::ordered_json line = {{"function", cost.function.name}, {"file", cost.function.file},
                                 {"module", cost.function.module}, {"line", cost.function.line},
                                 {"self_ns", cost.self_ns},        {"total_ns", cost.total_ns}};
  if (calls_are_samples) {
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
  return line.dump() + '\n';
}

Result<std::string> FormatJson(const CallGraph& graph, const StatsTableOptions& table) {
  const Result<std::vector<CallGraph::FunctionIndex>> lines = SelectFunctions(graph, table);
  if (!lines) {
    return Fail(lines.error().message);
  }
  std::string text;
  for (const CallGraph::FunctionIndex line : *lines) {
    text += JsonLine(graph.functions[line], graph.calls_are_samples);
  }
  return text;
}

void RunStats(const StatsOptions& options, const GlobalOptions& global) {
  const Result<StatsTableOptions> table = TableOptions(options, global.json);
  if (!table) {
    ReportError(table.error().message);
    SetExit(kExitUsage);
    return;
  }
  Result<CallGraph> graph = LoadProfile(global, options.input);
  if (!graph) {
    ReportError(graph.error().message);
    return;
  }
  if (graph->functions.empty()) {
    PrintAll(global.json ? "" : "No data yet.\n");
    return;
  }
  if (options.strip_directories) {
    graph = StripDirectories(*graph);
  }
  const Result<std::string> text =
      global.json ? FormatJson(*graph, *table) : FormatStatsTable(*graph, *table);
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
  command->add_flag("--strip-dirs", options->strip_directories, "File names without directories");
  command->callback([options, &global] { RunStats(*options, global); });
}

}  // namespace pinfo::cli

// pinfo browse: the statistics browser of `python -m pstats` over requests, routes and files.
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/line_editor.h"
#include "cli/profile_input.h"
#include "collector/emit/stats_browser.h"

namespace pinfo::cli {
namespace {

std::string HistoryPath() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0') {
    return std::string(state) + "/pinfo/browse_history";
  }
  const char* home = std::getenv("HOME");
  return home == nullptr ? "" : std::string(home) + "/.local/state/pinfo/browse_history";
}

Result<BrowsedStats> Load(const GlobalOptions& global, ProfileInput input) {
  input.order = FunctionOrder::kKeys;
  Result<LoadedProfile> profile = LoadProfile(global, input);
  if (!profile) {
    return Fail(profile.error().message);
  }
  if (profile->graph.functions.empty()) {
    return Fail("No data yet.");
  }
  return BrowsedStats{.graph = GraphForDisplay(std::move(profile->graph)),
                      .sources = std::move(profile->sources)};
}

// "--route R" or what the command line takes as input: a request, a file, all.
ProfileInput Named(const std::string& name) {
  ProfileInput input;
  if (name.starts_with("--route ")) {
    input.route = name.substr(8);
  } else {
    input.inputs = {name};
  }
  return input;
}

// The name in the prompt.
std::string NameOf(const ProfileInput& input) {
  if (!input.inputs.empty()) {
    return input.inputs[0];
  }
  return input.route ? "--route " + *input.route : "all";
}

void RunBrowse(const ProfileInput& chosen, const GlobalOptions& global) {
  if (global.json) {
    ReportUsageError("browse has no --json; 'pinfo stats --json' has");
    return;
  }
  StatsBrowser browser([&global](const std::string& name) { return Load(global, Named(name)); });
  ProfileInput first = chosen;
  if (!first.inputs.empty()) {
    first.inputs.resize(1);
  }
  if (Result<BrowsedStats> stats = Load(global, first)) {
    browser.Start(NameOf(first), std::move(*stats));
  } else {
    PrintAll(stats.error().message + '\n');
  }
  for (size_t i = 1; i < chosen.inputs.size(); ++i) {
    PrintAll(browser.Execute("add " + chosen.inputs[i]));
  }
  PrintAll("Welcome to the profile statistics browser.\n");
  LineEditor editor(HistoryPath(), StatsBrowser::Completions);
  while (!browser.done()) {
    PrintAll(browser.Execute(editor.Read(browser.prompt()).value_or("EOF")));
  }
  PrintAll("Goodbye.\n");
}

}  // namespace

void RegisterBrowse(CLI::App& app, const GlobalOptions& global) {
  auto input = std::make_shared<ProfileInput>();
  CLI::App* command = app.add_subcommand(
      "browse",
      "Browse the functions of a request, a route, files or everything with pstats' commands: "
      "stats, sort, callers, callees, add, read, reverse, strip, help, quit");
  AddProfileInputOptions(*command, *input);
  command->callback([input, &global] { RunBrowse(*input, global); });
}

}  // namespace pinfo::cli

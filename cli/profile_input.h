// What the commands that show one profile (stats, graph) read it from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "collector/base/result.h"
#include "collector/profile/call_graph.h"
#include "collector/views/profile.h"

namespace pinfo::cli {

// Several inputs are added up; a route, a site or both select from the store; neither is the whole
// store.
struct ProfileInput {
  std::vector<std::string> inputs;  // request ids (digits) and stats files
  std::optional<std::string> route;
  std::optional<std::string> site;
};

// The positional inputs, --route and --site. REQUIRES: input outlives the command.
void AddProfileInputOptions(CLI::App& command, ProfileInput& input);

// A graph without functions where the store has no profile yet of what was asked for; an error
// where the request, route, site or file does not exist or cannot be read.
Result<CallGraph> LoadProfile(const GlobalOptions& global, const ProfileInput& input);

// As BuildCallGraph gives it, but for frames that stand for time no stack was taken of: they are no
// samples, while a pstats file needs one call for each.
CallGraph LoadedGraph(const Profile& profile);

// To standard output; a failure (a full disk behind it) is reported.
void PrintAll(const std::string& text);

}  // namespace pinfo::cli

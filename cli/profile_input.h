// What the commands that show one profile (stats, graph) read it from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "collector/base/result.h"
#include "collector/profile/call_graph.h"

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

// A graph without functions where the store has nothing yet of what was asked for; an error where a
// request or file does not exist or cannot be read.
Result<CallGraph> LoadProfile(const GlobalOptions& global, const ProfileInput& input);

// To standard output; a failure (a full disk behind it) is reported.
void PrintAll(const std::string& text);

}  // namespace pinfo::cli

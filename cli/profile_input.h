// What the commands that show one profile (stats, browse, graph, flame, export) read it from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "collector/base/result.h"
#include "collector/emit/pstats_reader.h"
#include "collector/profile/call_graph.h"
#include "collector/profile/call_tree.h"
#include "collector/views/profile.h"

namespace pinfo::cli {

// Several inputs are added up; the options select requests from the store; neither, or the one word
// "all", is the whole store.
struct ProfileInput {
  std::vector<std::string> inputs;  // request ids (digits), stats files and pprof files
  std::optional<std::string> route;
  std::optional<std::string> site;
  std::optional<uint32_t> pid;
  std::string since;
  std::string until;
  // Of stats files: gprof2dot's order numbers a graph's nodes, pstats' decides between equals.
  FunctionOrder order = FunctionOrder::kFirstNamed;
};

// The positional inputs and the options. REQUIRES: input outlives the command.
void AddProfileInputOptions(CLI::App& command, ProfileInput& input);

struct LoadedProfile {
  // As the files have it or BuildCallGraph gives it.
  CallGraph graph;
  // Stats files have none.
  std::optional<CallTree> tree;
  // What it is of, a line for each input, as pstats heads its tables: when, then what.
  std::vector<std::string> sources;
  std::string title;          // the same on one line
  int64_t requests = 0;       // 0: not known
  int64_t start_wall_ns = 0;  // 0: not known
};

// A profile without functions where the store has none yet of what was asked for; an error where
// the request, route, site or file does not exist or cannot be read.
Result<LoadedProfile> LoadProfile(const GlobalOptions& global, const ProfileInput& input);

// Its tree, or the one that its calls suggest.
CallTree TreeOf(const LoadedProfile& profile);

// For tables: frames that stand for time no stack was taken of are no samples, while a pstats file
// needs one call for each, which gprof2dot draws.
CallGraph GraphForDisplay(CallGraph graph);
CallGraph LoadedGraph(const Profile& profile);  // of a profile of the store

// To standard output; a failure (a full disk behind it) is reported.
void PrintAll(const std::string& text);

}  // namespace pinfo::cli

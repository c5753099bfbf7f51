// pinfo flame: a profile as an interactive flame graph, alone or against another one.
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/profile_input.h"
#include "cli/request_json.h"
#include "collector/emit/file_io.h"
#include "collector/emit/flame_graph.h"

namespace pinfo::cli {
namespace {

struct FlameOptions {
  ProfileInput input;
  std::string diff;
  std::string output;
  std::string title;
};

// Profiles of different numbers of requests are compared by the mean request.
Result<std::string> DrawComparison(const LoadedProfile& before, const LoadedProfile& after,
                                   FlameGraphOptions picture) {
  const bool by_request =
      before.requests != after.requests && before.requests > 0 && after.requests > 0;
  picture.note = fmt::format("compared with {}{}", before.title,
                             by_request ? "; times of the mean request" : "");
  CallTree before_tree = TreeOf(before);
  CallTree after_tree = TreeOf(after);
  if (by_request) {
    before_tree = ScaleTimes(before_tree, 1, before.requests);
    after_tree = ScaleTimes(after_tree, 1, after.requests);
  }
  return WriteFlameComparison(CompareTrees(before_tree, after_tree), picture);
}

// What --diff names: a request, a file, or else a route.
ProfileInput OtherInput(const FlameOptions& options) {
  ProfileInput other;
  if (options.diff.starts_with("route:")) {
    other.route = options.diff.substr(6);
  } else {
    other.inputs = {options.diff};
  }
  return other;
}

Result<std::string> Draw(const FlameOptions& options, const GlobalOptions& global) {
  Result<LoadedProfile> profile = LoadProfile(global, options.input);
  if (!profile) {
    return Fail(profile.error().message);
  }
  if (profile->graph.functions.empty()) {
    return Fail("no data yet: there is nothing to draw");
  }
  FlameGraphOptions picture;
  picture.title = options.title.empty() ? profile->title : options.title;
  if (!options.diff.empty()) {
    Result<LoadedProfile> other = LoadProfile(global, OtherInput(options));
    if (!other) {
      return Fail(other.error().message);
    }
    return DrawComparison(*other, *profile, picture);
  }
  if (!profile->tree) {
    picture.note =
        "a stats file has no stacks: they are inferred from callers and their shares, and it does "
        "not tell running from waiting";
  }
  return WriteFlameGraph(TreeOf(*profile), picture);
}

void RunFlame(const FlameOptions& options, const GlobalOptions& global) {
  if (global.json && options.output.empty()) {
    ReportUsageError("--json names the file that was written: give it with -o");
    return;
  }
  const Result<std::string> drawn = Draw(options, global);
  if (!drawn) {
    ReportError(drawn.error().message);
    return;
  }
  if (options.output.empty()) {
    PrintAll(*drawn);
    return;
  }
  if (const Status status = WriteFileAtomically(options.output, *drawn); !status) {
    ReportError(status.error().message);
  } else if (global.json) {
    PrintAll(JsonLine({{"flame", options.output}}));
  }
}

}  // namespace

void RegisterFlame(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<FlameOptions>();
  CLI::App* command = app.add_subcommand(
      "flame",
      "The flame graph of a request, a route, files or everything: an SVG for any browser, to zoom "
      "and search");
  AddProfileInputOptions(*command, options->input);
  command->add_option("-o,--output", options->output, "FILE.svg; standard output where not given");
  command->add_option("--diff", options->diff,
                      "What to compare with: a request id, a file, all or route:NAME; red took "
                      "longer than there, blue shorter");
  command->add_option("--title", options->title, "The picture's heading");
  command->callback([options, &global] { RunFlame(*options, global); });
}

}  // namespace pinfo::cli

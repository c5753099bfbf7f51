// pinfo export: a profile in the format of another viewer.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/profile_input.h"
#include "cli/request_json.h"
#include "collector/emit/chrome_trace.h"
#include "collector/emit/file_io.h"
#include "collector/emit/folded.h"
#include "collector/emit/pprof.h"
#include "collector/emit/pstats_writer.h"
#include "collector/emit/speedscope.h"
#include "collector/store/sqlite_store.h"

namespace pinfo::cli {
namespace {

struct ExportOptions {
  ProfileInput input;
  std::string format;
  std::string output;
};

bool IsBinary(const std::string& format) { return format == "pprof" || format == "pstats"; }

// A timeline is of one request: its samples' times are in the store alone.
Result<std::string> EncodeTimeline(const ExportOptions& options, const GlobalOptions& global) {
  const std::vector<std::string>& inputs = options.input.inputs;
  const bool is_id = inputs.size() == 1 && !inputs[0].empty() && inputs[0].size() < 19 &&
                     inputs[0].find_first_not_of("0123456789") == std::string::npos;
  if (!is_id) {
    return Fail("a chrome trace is the timeline of one request: name it by its id");
  }
  const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(global.database);
  if (!reader) {
    return Fail(reader.error().message);
  }
  const Result<Timeline> timeline = (*reader)->RequestTimeline(RequestId{std::stoll(inputs[0])});
  if (!timeline) {
    return Fail(timeline.error().message);
  }
  return EncodeChromeTrace(*timeline);
}

Result<std::string> Encode(const ExportOptions& options, const GlobalOptions& global) {
  if (options.format == "chrome") {
    return EncodeTimeline(options, global);
  }
  Result<LoadedProfile> profile = LoadProfile(global, options.input);
  if (!profile) {
    return Fail(profile.error().message);
  }
  if (profile->graph.functions.empty()) {
    return Fail("no data yet: there is nothing to export");
  }
  if (options.format == "pstats") {
    return EncodePstats(profile->graph);
  }
  const ProfileTitle title = {.text = profile->title, .start_wall_ns = profile->start_wall_ns};
  const CallTree tree = TreeOf(*profile);
  if (options.format == "pprof") {
    return EncodePprof(tree, title);
  }
  return options.format == "folded" ? EncodeFolded(tree) : EncodeSpeedscope(tree, title);
}

void RunExport(const ExportOptions& options, const GlobalOptions& global) {
  if (global.json && options.output.empty()) {
    ReportUsageError("--json names the file that was written: give it with -o");
    return;
  }
  if (options.output.empty() && IsBinary(options.format) && ::isatty(STDOUT_FILENO) == 1) {
    ReportUsageError(fmt::format("{} is not for a terminal: name a file with -o", options.format));
    return;
  }
  const Result<std::string> bytes = Encode(options, global);
  if (!bytes) {
    ReportError(bytes.error().message);
    return;
  }
  if (options.output.empty()) {
    PrintAll(*bytes);
    return;
  }
  if (const Status status = WriteFileAtomically(options.output, *bytes); !status) {
    ReportError(status.error().message);
  } else if (global.json) {
    PrintAll(JsonLine({{"export", options.output}}));
  }
}

}  // namespace

void RegisterExport(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand(
      "export",
      "A profile for another viewer: pprof (go tool pprof), folded (flamegraph.pl), speedscope, "
      "pstats (python3 -m pstats), chrome (ui.perfetto.dev; the timeline of one request)");
  AddProfileInputOptions(*command, options->input);
  command->add_option("--format", options->format, "What to write")
      ->required()
      ->check(CLI::IsMember({"pprof", "folded", "speedscope", "pstats", "chrome"}));
  command->add_option("-o,--output", options->output, "The file; standard output where not given");
  command->callback([options, &global] { RunExport(*options, global); });
}

}  // namespace pinfo::cli

// pinfo replay: a recording through the same pipeline, without root and without the target.
#include <memory>
#include <string>

#include <fmt/format.h>

#include "cli/capture.h"
#include "cli/command.h"
#include "collector/source/recording.h"

namespace pinfo::cli {
namespace {

struct ReplayOptions {
  std::string path;
  CaptureOptions capture;
};

Status Replay(const ReplayOptions& options, const GlobalOptions& global) {
  Result<std::unique_ptr<RecordingSource>> source = RecordingSource::Open(options.path);
  if (!source) {
    return tl::unexpected(source.error());
  }
  Result<PreparedCapture> capture = PrepareCapture(options.capture, global, /*live=*/false);
  if (!capture) {
    return tl::unexpected(capture.error());
  }
  capture->pipeline.command = "replay " + options.path;
  InstallStopSignals();
  if (!RunCapture(*capture, **source, global)) {
    return {};
  }
  if (const std::string damage = (*source)->damage(); !damage.empty()) {
    return Fail(options.path + " " + damage);
  }
  return {};
}

}  // namespace

void RegisterReplay(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<ReplayOptions>();
  CLI::App* command =
      app.add_subcommand("replay", "Put a recording of attach --record into the database");
  command->add_option("recording", options->path, "The recording's file")->required();
  AddCaptureOptions(*command, options->capture, /*with_record=*/false);
  command->callback([options, &global] {
    if (Status status = Replay(*options, global); !status) {
      ReportError(status.error().message);
    }
  });
}

}  // namespace pinfo::cli

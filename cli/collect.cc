// pinfo collect: drains the rings of servers that were started with LD_PRELOAD=libpinfo.so.
#include <cstdlib>
#include <memory>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/capture.h"
#include "cli/command.h"
#include "collector/source/ring_source.h"

namespace pinfo::cli {
namespace {

struct CollectOptions {
  CaptureOptions capture;
  std::string directory;
};

std::string DefaultDirectory() {
  const char* variable = std::getenv("PINFO_RING_DIR");
  return variable != nullptr && *variable != '\0' ? variable : DefaultRingDirectory();
}

Status Collect(const CollectOptions& options, const GlobalOptions& global) {
  // Without a duration there is nothing to wait for: a name with a typing error must not pass for
  // servers that served nothing.
  if (options.capture.duration.empty() && access(options.directory.c_str(), F_OK) != 0) {
    return FailErrno("no server has recorded in " + options.directory +
                     "; name its PINFO_RING_DIR by --dir, or wait for it with --duration");
  }
  Result<PreparedCapture> capture = PrepareCapture(options.capture, global, /*live=*/true);
  if (!capture) {
    return tl::unexpected(capture.error());
  }
  capture->pipeline.command = "collect";
  // The servers go on recording: the next collector finds what comes after this one.
  Result<std::unique_ptr<RingSource>> source =
      RingSource::Open(options.directory, RingSource::AtStop::kLeaveWriters);
  if (!source) {
    return tl::unexpected(source.error());
  }
  if (!capture->pipeline.duration_ns) {
    (*source)->ExpectNoMore();
  }
  InstallStopSignals();
  if (Status status = StartMonitoring(*capture, global); !status) {
    return status;
  }
  if (!global.quiet) {
    fmt::print(stderr, "collecting from {}; database {}\n", options.directory, global.database);
  }
  if (RunCapture(*capture, **source, global) && (*source)->damaged_rings() != 0) {
    ReportError(fmt::format("{} damaged rings in {} were left out; the others are stored",
                            (*source)->damaged_rings(), options.directory));
  }
  return {};
}

}  // namespace

void RegisterCollect(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<CollectOptions>();
  options->directory = DefaultDirectory();
  CLI::App* command = app.add_subcommand(
      "collect",
      "Store what servers started with LD_PRELOAD=libpinfo.so have recorded; ends when all of them "
      "have ended, or after --duration, during which it looks for new ones");
  command->add_option("--dir", options->directory, "The servers' PINFO_RING_DIR")
      ->capture_default_str();
  AddCaptureOptions(*command, options->capture, /*with_record=*/true);
  command->callback([options, &global] {
    if (Status status = Collect(*options, global); !status) {
      ReportError(status.error().message);
    }
  });
}

}  // namespace pinfo::cli

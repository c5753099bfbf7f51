// pinfo replay: a recording through the same pipeline, without root and without the target.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>

#include "cli/capture.h"
#include "cli/command.h"
#include "collector/source/recording.h"
#include "collector/store/sqlite_store.h"

namespace pinfo::cli {
namespace {

namespace fs = std::filesystem;

struct ReplayOptions {
  std::string path;
  CaptureOptions capture;
};

// Says so where the database has what this recording holds already. One that was written since then
// is another.
Status WarnOfReplay(const std::string& path, const std::string& command,
                    const GlobalOptions& global) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) {
    return {};
  }
  const int64_t written_ns = int64_t{file.st_mtim.tv_sec} * 1'000'000'000 + file.st_mtim.tv_nsec;
  const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(global.database);
  if (!reader) {
    return tl::unexpected(reader.error());
  }
  const Result<std::vector<SessionRow>> sessions = (*reader)->Sessions();
  if (!sessions) {
    return tl::unexpected(sessions.error());
  }
  for (const SessionRow& session : *sessions) {
    if (session.command == command && session.requests_seen > 0 &&
        session.start_wall_ns >= written_ns) {
      Tell(
          "pinfo: this recording was replayed into this database already (session {}); its "
          "requests will be there twice\n",
          session.id);
      break;
    }
  }
  return {};
}

Status Replay(const ReplayOptions& options, const GlobalOptions& global) {
  Result<std::unique_ptr<RecordingSource>> source = RecordingSource::Open(options.path);
  if (!source) {
    return tl::unexpected(source.error());
  }
  Result<PreparedCapture> capture = PrepareCapture(options.capture, global, /*live=*/false);
  if (!capture) {
    return tl::unexpected(capture.error());
  }
  std::error_code error;
  const fs::path path = fs::weakly_canonical(options.path, error);
  capture->pipeline.command = "replay " + (error ? options.path : path.string());
  if (const Status warned = WarnOfReplay(options.path, capture->pipeline.command, global);
      !warned) {
    return warned;
  }
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

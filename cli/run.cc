// pinfo run: a command below libpinfo.so, with pinfo as its parent and collector.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cli/capture.h"
#include "cli/command.h"
#include "cli/launch.h"
#include "cli/preload_path.h"
#include "collector/base/unique_fd.h"
#include "collector/source/ring_reader.h"
#include "collector/source/ring_source.h"

namespace pinfo::cli {
namespace {

struct RunOptions {
  CaptureOptions capture;
  std::vector<std::string> command;
  int hz = 99;
  size_t ring_mb = 8;
};

// The rings of one run, in a directory of its own that goes with it. Locked while the run lasts, so
// that a later run can clear away what a killed one has left.
class RingDirectory {
 public:
  static Result<RingDirectory> Create() {
    const std::string parent = DefaultRingDirectory();
    if (mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST) {
      return FailErrno("cannot create " + parent);
    }
    if (Status status = CheckOwn(parent); !status) {
      return tl::unexpected(status.error());
    }
    Sweep(parent);
    std::string path = parent + "/run.XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      return FailErrno("cannot create a directory in " + parent);
    }
    return RingDirectory(path, Lock(path));
  }
  RingDirectory(RingDirectory&& other) noexcept
      : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}
  RingDirectory& operator=(RingDirectory&&) = delete;
  ~RingDirectory() {
    if (!path_.empty()) {
      std::error_code error;
      std::filesystem::remove_all(path_, error);
    }
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  RingDirectory(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  // The name is one that any user may take first. Once it is ours alone, nobody else can move it
  // (the sticky bit of what it lies in) or put anything into it.
  static Status CheckOwn(const std::string& parent) {
    const UniqueFd fd(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!fd || fstat(fd.get(), &status) != 0) {
      return FailErrno("cannot use " + parent);
    }
    if (status.st_uid != geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
      return Fail(parent + " is not yours alone (owner, mode 0700): look at it and remove it");
    }
    return {};
  }

  // Empty where another run holds it.
  static UniqueFd Lock(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    return fd && flock(fd.get(), LOCK_EX | LOCK_NB) == 0 ? std::move(fd) : UniqueFd();
  }

  // Directories of runs that were killed, once their servers have ended too.
  static void Sweep(const std::string& parent) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(parent, error)) {
      if (!entry.path().filename().string().starts_with("run.") || !Lock(entry.path())) {
        continue;
      }
      bool in_use = false;
      for (const auto& ring : std::filesystem::directory_iterator(entry.path(), error)) {
        const auto owner = ParseRingName(ring.path().filename());
        in_use = in_use || (owner && OwnerAlive(*owner));
      }
      if (!in_use) {
        std::filesystem::remove_all(entry.path(), error);
      }
    }
  }

  std::string path_;
  UniqueFd lock_;
};

// The rings, until the command and every process it has left behind have ended.
class RunSource : public Source {
 public:
  RunSource(std::unique_ptr<RingSource> rings, pid_t child)
      : rings_(std::move(rings)), child_(child) {}

  [[nodiscard]] std::string mode() const override { return rings_->mode(); }
  Result<size_t> Drain(RecordSink& sink) override {
    if (!status_) {
      int status = 0;
      if (waitpid(child_, &status, WNOHANG) == child_) {
        status_ = status;
        rings_->ExpectNoMore();
        // What it leaves running (a daemon) is not ours to signal: from here on they are for us.
        InstallStopSignals();
      }
    }
    return rings_->Drain(sink);
  }
  [[nodiscard]] bool Ended() const override { return rings_->Ended(); }
  void Stop() override { rings_->Stop(); }

  // Waits for the command. REQUIRES: Drain is not called any more.
  int WaitForStatus() {
    int status = 0;
    while (!status_) {
      if (waitpid(child_, &status, 0) == child_) {
        status_ = status;
      } else if (errno != EINTR) {
        return 0;
      }
    }
    return *status_;
  }

 private:
  std::unique_ptr<RingSource> rings_;
  pid_t child_;
  std::optional<int> status_;  // as wait(2) gives it
};

// What can be told when a request's head has been read is decided in the server: the rest is
// profiled and thrown away here.
void AddExactVariables(const CaptureOptions& options,
                       std::vector<std::pair<std::string, std::string>>& variables) {
  variables.emplace_back("PINFO_EXACT",
                         options.profile.starts_with("1/") ? options.profile : "all");
  variables.emplace_back("PINFO_EXACT_MATCH", fmt::format("{}", fmt::join(options.match, "\n")));
  variables.emplace_back("PINFO_EXACT_EXCLUDE",
                         fmt::format("{}", fmt::join(options.exclude, "\n")));
}

Status Run(const RunOptions& options, const GlobalOptions& global) {
  Result<std::string> library = FindPreloadLibrary();
  if (!library) {
    return tl::unexpected(library.error());
  }
  Result<std::string> path = FindCommand(options.command.front());
  if (!path) {
    return tl::unexpected(path.error());
  }
  if (Status status = CheckPreloadable(*path); !status) {
    return status;
  }
  Result<PreparedCapture> capture = PrepareCapture(options.capture, global, /*live=*/true);
  if (!capture) {
    return tl::unexpected(capture.error());
  }
  capture->pipeline.command = fmt::format("run {}", fmt::join(options.command, " "));
  Result<RingDirectory> directory = RingDirectory::Create();
  if (!directory) {
    return tl::unexpected(directory.error());
  }
  Result<std::unique_ptr<RingSource>> rings =
      RingSource::Open(directory->path(), RingSource::AtStop::kSilenceWriters);
  if (!rings) {
    return tl::unexpected(rings.error());
  }
  const Result<int64_t> off_cpu_min_ns = OffCpuMinNs(options.capture);
  if (!off_cpu_min_ns) {
    return tl::unexpected(off_cpu_min_ns.error());
  }
  std::vector<std::pair<std::string, std::string>> variables = {
      {"LD_PRELOAD", PrependPreload(*library, std::getenv("LD_PRELOAD"))},
      {"PINFO_RING_DIR", directory->path()},
      {"PINFO_RING_BYTES", std::to_string(options.ring_mb << 20)},
      {"PINFO_HZ", std::to_string(options.hz)},
      {"PINFO_OFF_CPU_MIN_NS", std::to_string(*off_cpu_min_ns)}};
  if (options.capture.exact) {
    AddExactVariables(options.capture, variables);
  }
  Result<pid_t> child = Launch(*path, options.command, variables);
  if (!child) {
    return tl::unexpected(child.error());
  }
  ForwardSignals(*child);
  if (Status status = StartMonitoring(*capture, global); !status) {
    // The server runs: it goes on, as it does wherever pinfo cannot.
    Tell("pinfo: {}\n", status.error().message);
  }
  if (!global.quiet) {
    fmt::print(stderr, "attached to {} (preload, stacks at {} Hz); database {}\n", *child,
               options.hz, global.database);
  }
  RunSource source(std::move(*rings), *child);
  const bool stored = RunCapture(*capture, source, global);
  const int status = ShellStatus(source.WaitForStatus());
  if (status != 0 || stored) {
    SetExit(status);
  }
  return {};
}

}  // namespace

void RegisterRun(CLI::App& app, const GlobalOptions& global) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand(
      "run",
      "Start a command and time its requests, without root; ends with the command and with "
      "its exit status");
  command->add_option("--hz", options->hz, "Stack samples a second of CPU time and thread; 0: none")
      ->check(CLI::Range(0, 1'000))
      ->capture_default_str();
  command->add_option("--ring-mb", options->ring_mb, "Size of the ring of each process")
      ->check(CLI::IsMember({1, 2, 4, 8, 16, 32, 64, 128, 256, 512}))
      ->capture_default_str();
  command->add_flag("--exact", options->capture.exact,
                    "Profile Python requests with true call counts and times, as cProfile does: "
                    "costs as much as that, of every request that --profile, --match and --exclude "
                    "cannot leave out by its first line");
  AddOffCpuOptions(*command, options->capture);
  AddCaptureOptions(*command, options->capture, /*with_record=*/true);
  command->add_option("command", options->command, "The command and its arguments, after --")
      ->required();
  command->callback([options, &global] {
    if (Status status = Run(*options, global); !status) {
      ReportError(status.error().message);
    }
  });
}

}  // namespace pinfo::cli

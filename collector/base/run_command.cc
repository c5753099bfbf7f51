#include "collector/base/run_command.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/base/unique_fd.h"

extern char** environ;

namespace pinfo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPollMs = 20;

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> MakePipe() {
  std::array<int, 2> fds{};
  if (pipe2(fds.data(), O_CLOEXEC) != 0) {
    return FailErrno("cannot make a pipe");
  }
  return Pipe{.read = UniqueFd(fds[0]), .write = UniqueFd(fds[1])};
}

// A child of pinfo's must not be captured itself, and wants the signals' usual effects.
class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  void Redirect(int from, int to) { posix_spawn_file_actions_adddup2(&actions_, from, to); }
  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::vector<std::string> EnvironmentOf(const CommandRequest& request) {
  std::vector<std::string> words;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string_view word(*each);
    const bool replaced =
        std::any_of(request.environment.begin(), request.environment.end(),
                    [&](const auto& set) { return word.starts_with(set.first + "="); });
    if (!replaced && !word.starts_with("LD_PRELOAD=")) {
      words.emplace_back(word);
    }
  }
  for (const auto& [name, value] : request.environment) {
    words.push_back(name + "=" + value);
  }
  return words;
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  return pointers;
}

// Reads what is there; false at the end.
bool ReadSome(int fd, std::string& text, size_t most) {
  std::array<char, 4096> block{};
  while (true) {
    const ssize_t n = read(fd, block.data(), block.size());
    if (n < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    if (n == 0) {
      return false;
    }
    text.append(block.data(), std::min(static_cast<size_t>(n), most - std::min(most, text.size())));
  }
}

class RunningCommand {
 public:
  RunningCommand(pid_t pid, Pipe input, Pipe output, Pipe errors, const CommandRequest& request)
      : pid_(pid),
        request_(request),
        input_(std::move(input.write)),
        output_(std::move(output.read)),
        errors_(std::move(errors.read)) {
    for (const UniqueFd* fd : {&input_, &output_, &errors_}) {
      fcntl(fd->get(), F_SETFL, O_NONBLOCK);
    }
  }

  Result<CommandOutcome> Finish() {
    const Clock::time_point deadline = Clock::now() + std::chrono::nanoseconds(request_.timeout_ns);
    std::optional<int> status;
    while (!(status = Wait(WNOHANG))) {
      const bool stopped = request_.stop != nullptr && *request_.stop;
      if (stopped || Clock::now() >= deadline) {
        kill(-pid_, SIGKILL);
        static_cast<void>(Wait(0));
        return Fail(stopped ? "was ended, as pinfo ends"
                            : fmt::format("did not end within {:.3g} s and was ended",
                                          static_cast<double>(request_.timeout_ns) / 1e9));
      }
      Transfer(kPollMs);
    }
    // What it has left running may hold the pipes open: only what is there already is waited for.
    Transfer(0);
    outcome_.status = *status;
    return std::move(outcome_);
  }

 private:
  std::optional<int> Wait(int flags) {
    int status = 0;
    pid_t ended = 0;
    do {
      ended = waitpid(pid_, &status, flags);
    } while (ended < 0 && errno == EINTR);
    return ended == pid_ ? std::optional(status) : ended < 0 ? std::optional(0) : std::nullopt;
  }

  void Transfer(int timeout_ms) {
    std::array<pollfd, 3> waits{{{.fd = output_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = errors_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = input_.get(), .events = POLLOUT, .revents = 0}}};
    if (!output_ && !errors_ && !input_) {
      usleep(static_cast<useconds_t>(timeout_ms) * 1000);
      return;
    }
    poll(waits.data(), waits.size(), timeout_ms);
    if (output_ && waits[0].revents != 0 &&
        !ReadSome(output_.get(), outcome_.output, request_.output_max)) {
      output_.Reset();
    }
    if (errors_ && waits[1].revents != 0 &&
        !ReadSome(errors_.get(), outcome_.errors, request_.output_max)) {
      errors_.Reset();
    }
    if (input_ && waits[2].revents != 0) {
      WriteSome();
    }
    if (input_ && written_ == request_.input.size()) {
      input_.Reset();
    }
  }

  // REQUIRES: SIGPIPE is ignored, as everywhere in pinfo that writes to others.
  void WriteSome() {
    const ssize_t n =
        write(input_.get(), request_.input.data() + written_, request_.input.size() - written_);
    if (n >= 0) {
      written_ += static_cast<size_t>(n);
    } else if (errno != EAGAIN && errno != EINTR) {
      input_.Reset();  // it does not want any more
    }
  }

  pid_t pid_;
  const CommandRequest& request_;
  UniqueFd input_;
  UniqueFd output_;
  UniqueFd errors_;
  size_t written_ = 0;
  CommandOutcome outcome_;
};

}  // namespace

Result<CommandOutcome> RunCommand(const CommandRequest& request) {
  Result<Pipe> input = MakePipe();
  Result<Pipe> output = MakePipe();
  Result<Pipe> errors = MakePipe();
  if (!input || !output || !errors) {
    return Fail("cannot make a pipe: too many files are open");
  }
  SpawnSettings settings;
  settings.Redirect(input->read.get(), STDIN_FILENO);
  settings.Redirect(output->write.get(), STDOUT_FILENO);
  settings.Redirect(errors->write.get(), STDERR_FILENO);
  std::vector<std::string> arguments = request.arguments;
  std::vector<std::string> environment = EnvironmentOf(request);
  signal(SIGPIPE, SIG_IGN);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, arguments.front().c_str(), settings.actions(), settings.attributes(),
                   Pointers(arguments).data(), Pointers(environment).data());
  if (error != 0) {
    return FailErrno("cannot run " + arguments.front(), error);
  }
  input->read.Reset();
  output->write.Reset();
  errors->write.Reset();
  return RunningCommand(pid, std::move(*input), std::move(*output), std::move(*errors), request)
      .Finish();
}

}  // namespace pinfo

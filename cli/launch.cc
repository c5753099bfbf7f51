#include "cli/launch.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "collector/base/unique_fd.h"

namespace pinfo::cli {
namespace {

constexpr int kMostInterpreters = 4;  // as the kernel: fs/exec.c, exec_binprm
constexpr int kHandedOn[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

std::atomic<pid_t> g_child = 0;
static_assert(std::atomic<pid_t>::is_always_lock_free, "it is read in a signal handler");

void OnForwardedSignal(int number, siginfo_t* info, void*) {
  const int saved_errno = errno;
  // SI_KERNEL: from the terminal, which sends it to the whole foreground group.
  if (info->si_code != SI_KERNEL && g_child > 0) {
    kill(g_child, number);
  }
  errno = saved_errno;
}

tl::unexpected<Error> Unreachable(const std::string& path, const std::string& reason) {
  return Fail(fmt::format(
      "{} {}, so LD_PRELOAD cannot reach it; start it as usual and use `sudo pinfo attach PID`",
      path, reason));
}

bool Executable(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

// "#!interpreter argument"
std::string InterpreterOf(const std::string& first_line) {
  std::istringstream words(first_line.substr(2));
  std::string interpreter;
  words >> interpreter;
  return interpreter;
}

Status CheckElf(std::ifstream& file, const std::string& path) {
  Elf64_Ehdr header{};
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(&header), sizeof(header)) ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64) {
    return Unreachable(path, "is not an x86-64 program");
  }
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    file.seekg(static_cast<std::streamoff>(header.e_phoff) +
               static_cast<std::streamoff>(i) * header.e_phentsize);
    if (!file.read(reinterpret_cast<char*>(&segment), sizeof(segment))) {
      break;
    }
    if (segment.p_type == PT_INTERP) {
      return {};
    }
  }
  return Unreachable(path, "is statically linked");
}

Status CheckFile(const std::string& path, int interpreters) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return FailErrno("cannot run " + path);
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return FailErrno("cannot read " + path);
  }
  std::string first_line;
  std::getline(file, first_line);
  file.clear();
  if (first_line.starts_with("#!")) {
    // The kernel ignores set-uid on scripts; what counts is the interpreter.
    return interpreters == 0 ? Fail(path + " has too many interpreters")
                             : CheckFile(InterpreterOf(first_line), interpreters - 1);
  }
  if ((status.st_mode & (S_ISUID | S_ISGID)) != 0) {
    return Unreachable(path, "is set-uid or set-gid");
  }
  if (geteuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) {
    return Unreachable(path, "has file capabilities");
  }
  if (!first_line.starts_with(ELFMAG)) {
    return {};  // execvp runs it by the shell
  }
  return CheckElf(file, path);
}

// After fork: async-signal-safe calls only, but for execvp's own.
[[noreturn]] void RunChild(const std::string& path, char* const* arguments, int report) {
  execvp(path.c_str(), arguments);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = write(report, &error, sizeof(error));
  _exit(127);
}

}  // namespace

Result<std::string> FindCommand(const std::string& command) {
  if (command.find('/') != std::string::npos) {
    if (Executable(command)) {
      return command;
    }
    return FailErrno("cannot run " + command, access(command.c_str(), F_OK) != 0 ? errno : EACCES);
  }
  const char* variable = std::getenv("PATH");
  std::istringstream folders(variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::string path = (folder.empty() ? "." : folder) + "/" + command;
    if (Executable(path)) {
      return path;
    }
  }
  return Fail("cannot run " + command + ": not found in PATH");
}

Status CheckPreloadable(const std::string& path) { return CheckFile(path, kMostInterpreters); }

std::string PrependPreload(const std::string& library, const char* present) {
  return present == nullptr || *present == '\0' ? library : library + ":" + present;
}

Result<pid_t> Launch(const std::string& path, const std::vector<std::string>& arguments,
                     const std::vector<std::pair<std::string, std::string>>& variables) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return FailErrno("pipe");
  }
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  std::vector<char*> words;
  for (const std::string& argument : arguments) {
    words.push_back(const_cast<char*>(argument.c_str()));
  }
  words.push_back(nullptr);
  const pid_t child = fork();
  if (child < 0) {
    return FailErrno("cannot start " + path);
  }
  if (child == 0) {
    for (const auto& [name, value] : variables) {
      setenv(name.c_str(), value.c_str(), 1);
    }
    RunChild(path, words.data(), writer.get());
  }
  writer.Reset();
  int error = 0;
  if (read(reader.get(), &error, sizeof(error)) == sizeof(error)) {
    waitpid(child, nullptr, 0);
    return FailErrno("cannot run " + path, error);
  }
  return child;
}

void ForwardSignals(pid_t child) {
  g_child = child;
  struct sigaction action {};
  action.sa_sigaction = OnForwardedSignal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int number : kHandedOn) {
    sigaction(number, &action, nullptr);
  }
}

int ShellStatus(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

}  // namespace pinfo::cli

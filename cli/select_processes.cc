#include "cli/select_processes.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/session_text.h"
#include "collector/process/cgroup.h"
#include "collector/process/listeners.h"
#include "collector/process/proc_reader.h"

namespace pinfo::cli {
namespace {

template <typename Matches>
void AddMatching(std::set<Pid>& chosen, const std::vector<Pid>& pids, Matches matches) {
  for (const Pid pid : pids) {
    if (pid.value != static_cast<uint32_t>(getpid()) && matches(pid) && !IsKernelThread(pid)) {
      chosen.insert(pid);
    }
  }
}

// What CLI11 wants of a check: "" where the text is right, else what is wrong with it.
std::string CheckProcessId(const std::string& text) {
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  const bool good = parsed.ec == std::errc() && parsed.ptr == end && value > 0;
  return good ? "" : text + " is no process id";
}

Status CheckPid(Pid pid) {
  if (!ReadStartTicks(pid)) {
    return Fail(
        fmt::format("there is no process {}; `pgrep -a NAME` lists processes by name", pid.value));
  }
  if (IsKernelThread(pid)) {
    return Fail(fmt::format("process {} ({}) is a kernel thread: it has no user code to profile",
                            pid.value, ReadComm(pid)));
  }
  return {};
}

}  // namespace

bool NothingSelected(const ProcessSelection& selection) {
  return selection.pids.empty() && selection.comms.empty() && selection.ports.empty() &&
         selection.cgroups.empty() && !selection.all_servers;
}

void AddSelectionOptions(CLI::App& command, ProcessSelection& selection) {
  command.add_option("pid", selection.pids, "Process ids; their children are followed too")
      ->check(CLI::Validator(CheckProcessId, ""))
      ->type_name("PID");
  // One value each time they are given: what follows is a process id.
  command
      .add_option("--comm", selection.comms,
                  "Processes of this name (/proc/PID/comm), also those that take it later")
      ->allow_extra_args(false);
  command
      .add_option("--port", selection.ports, "Processes that listen on this TCP port, now or later")
      ->check(CLI::Range(1, 65535))
      ->allow_extra_args(false);
  command
      .add_option("--cgroup", selection.cgroups,
                  "Processes in this control group, also those that enter it later")
      ->allow_extra_args(false);
  CLI::Option* all_servers =
      command.add_flag("--all-servers", selection.all_servers,
                       "Processes that listen on any TCP port, now or later, but sshd and pinfo");
  command
      .add_option("--except", selection.except,
                  "--all-servers leaves processes of this name out, too")
      ->needs(all_servers)
      ->allow_extra_args(false);
}

Result<std::vector<Pid>> SelectProcesses(const ProcessSelection& selection) {
  std::set<Pid> chosen;
  for (const uint32_t number : selection.pids) {
    if (Status status = CheckPid(Pid{number}); !status) {
      return tl::unexpected(status.error());
    }
    chosen.insert(Pid{number});
  }
  const std::vector<Pid> pids = AllPids();
  for (const std::string& comm : selection.comms) {
    AddMatching(chosen, pids, [&](Pid pid) { return ReadComm(pid) == comm; });
  }
  if (!selection.ports.empty()) {
    const FoundListeners found = FindListeners(pids, [&selection](uint16_t port) {
      return std::find(selection.ports.begin(), selection.ports.end(), port) !=
             selection.ports.end();
    });
    // Process 1 holds listening sockets for others; to follow it is to follow the whole machine.
    AddMatching(chosen, found.listening, [](Pid pid) { return pid.value != 1; });
    if (found.listening.empty() && !found.unreadable.empty()) {
      Tell(
          "pinfo: who listens on these ports cannot be seen of {}: reading other users' "
          "/proc/PID/fd takes CAP_SYS_PTRACE; give process ids instead\n",
          Count(static_cast<int64_t>(found.unreadable.size()), "process", "processes"));
    }
  }
  for (const std::string& group : selection.cgroups) {
    AddMatching(chosen, pids,
                [group = NormalizeCgroup(group)](Pid pid) { return InCgroup(pid, group); });
  }
  return std::vector<Pid>(chosen.begin(), chosen.end());
}

std::string DescribeLater(const ProcessSelection& selection) {
  std::vector<std::string> parts;
  for (const uint16_t port : selection.ports) {
    parts.push_back(fmt::format("listen on TCP port {}", port));
  }
  for (const std::string& comm : selection.comms) {
    parts.push_back(fmt::format("are named {}", comm));
  }
  for (const std::string& group : selection.cgroups) {
    parts.push_back(fmt::format("are in the control group {}", group));
  }
  if (selection.all_servers) {
    parts.emplace_back("listen on any TCP port");
  }
  return parts.empty() ? "" : fmt::format("processes that {}", fmt::join(parts, " or "));
}

}  // namespace pinfo::cli

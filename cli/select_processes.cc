#include "cli/select_processes.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "collector/process/proc_reader.h"

namespace pinfo::cli {
namespace {

// Whether the process is in the control group (cgroup v2, /proc/PID/cgroup) or below it.
bool InCgroup(Pid pid, std::string_view group) {
  while (group.starts_with("/sys/fs/cgroup")) {
    group.remove_prefix(std::string_view("/sys/fs/cgroup").size());
  }
  std::ifstream in(fmt::format("/proc/{}/cgroup", pid.value));
  std::string line;
  while (std::getline(in, line)) {
    const size_t path_at = line.find(':', line.find(':') + 1);
    if (path_at == std::string::npos) {
      continue;
    }
    const std::string_view path = std::string_view(line).substr(path_at + 1);
    if (path == group || (path.starts_with(group) && path[group.size()] == '/')) {
      return true;
    }
  }
  return false;
}

bool ListensOn(Pid pid, uint16_t port) {
  const std::vector<uint16_t> ports = ListenPorts(pid);
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

template <typename Matches>
Status AddMatching(std::set<Pid>& chosen, const std::string& what, Matches matches) {
  bool found = false;
  for (const Pid pid : AllPids()) {
    if (pid.value != static_cast<uint32_t>(getpid()) && matches(pid) && !IsKernelThread(pid)) {
      chosen.insert(pid);
      found = true;
    }
  }
  if (!found) {
    return Fail("no process " + what);
  }
  return {};
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
         selection.cgroups.empty();
}

void AddSelectionOptions(CLI::App& command, ProcessSelection& selection) {
  command.add_option("pid", selection.pids, "Process ids; their children are followed too")
      ->check(CLI::Validator(CheckProcessId, ""))
      ->type_name("PID");
  // One value each time they are given: what follows is a process id.
  command.add_option("--comm", selection.comms, "Processes of this name (/proc/PID/comm)")
      ->allow_extra_args(false);
  command.add_option("--port", selection.ports, "Processes that listen on this TCP port")
      ->check(CLI::Range(1, 65535))
      ->allow_extra_args(false);
  command.add_option("--cgroup", selection.cgroups, "Processes in this control group")
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
  Status status;
  for (const std::string& comm : selection.comms) {
    status =
        AddMatching(chosen, "is named " + comm, [&](Pid pid) { return ReadComm(pid) == comm; });
    if (!status) {
      return tl::unexpected(status.error());
    }
  }
  for (const uint16_t port : selection.ports) {
    status = AddMatching(chosen, fmt::format("listens on TCP port {}", port),
                         [&](Pid pid) { return ListensOn(pid, port); });
    if (!status) {
      return tl::unexpected(status.error());
    }
  }
  for (const std::string& group : selection.cgroups) {
    status = AddMatching(chosen, "is in the control group " + group,
                         [&](Pid pid) { return InCgroup(pid, group); });
    if (!status) {
      return tl::unexpected(status.error());
    }
  }
  return std::vector<Pid>(chosen.begin(), chosen.end());
}

}  // namespace pinfo::cli

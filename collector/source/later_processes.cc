#include "collector/source/later_processes.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>

#include "collector/base/unique_fd.h"
#include "collector/process/cgroup.h"
#include "collector/process/listeners.h"
#include "collector/process/proc_reader.h"
#include "collector/process/proc_record.h"

namespace pinfo {
namespace {

// How often chosen control groups are looked through for processes that were moved into them.
constexpr int64_t kCgroupsNs = 200'000'000;
// How often new processes are looked for; each is looked at the next time, when a service manager's
// child has executed its program.
constexpr int64_t kListenersNs = 1'000'000'000;
// A look at many processes with many connections is as much rarer as it takes longer.
constexpr int64_t kLookShare = 50;

template <typename T>
bool Contains(const std::vector<T>& values, const T& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

}  // namespace

Status LaterProcesses::Begin() {
  const uint8_t one = 1;
  for (const uint16_t port : selection_.ports) {
    const uint32_t key = port;
    if (bpf_map_update_elem(maps_.ports, &key, &one, BPF_ANY) != 0) {
      return FailErrno(fmt::format("watching port {}", port));
    }
  }
  for (const auto& [map, names] :
       {std::pair(maps_.names, &selection_.names), std::pair(maps_.excepted, &selection_.except)}) {
    for (const std::string& name : *names) {
      std::array<char, 16> key{};  // struct task_name of bpf/select.h; the kernel cuts names too
      name.copy(key.data(), key.size() - 1);
      if (bpf_map_update_elem(map, key.data(), &one, BPF_ANY) != 0) {
        return FailErrno("watching the name " + name);
      }
    }
  }
  for (size_t i = 0; i < selection_.cgroups.size(); ++i) {
    cgroups_unseen_.push_back(i);
  }
  return {};
}

void LaterProcesses::Tick(int64_t now_ns, const std::function<void(Pid)>& found) {
  LookIntoCgroups(now_ns, found);
  LookForListeners(now_ns, found);
}

// Tells the kernel of groups that exist by now, and finds what was moved into any of them.
void LaterProcesses::LookIntoCgroups(int64_t now_ns, const std::function<void(Pid)>& found) {
  if (selection_.cgroups.empty() || now_ns < next_cgroups_ns_) {
    return;
  }
  next_cgroups_ns_ = now_ns + kCgroupsNs;
  std::erase_if(cgroups_unseen_, [this](size_t i) {
    const std::string directory = CgroupV2Directory(selection_.cgroups[i]);
    const UniqueFd fd(
        directory.empty() ? -1 : open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const auto key = static_cast<uint32_t>(i);
    const int value = fd.get();
    return fd && bpf_map_update_elem(maps_.cgroups, &key, &value, BPF_ANY) == 0;
  });
  for (const std::string& group : selection_.cgroups) {
    for (const Pid pid : CgroupProcesses(group)) {
      if (pid.value != 1 && !IsKernelThread(pid)) {
        found(pid);
      }
    }
  }
}

// Process 1 holds listening sockets for others; to follow it is to follow the whole machine.
void LaterProcesses::LookForListeners(int64_t now_ns, const std::function<void(Pid)>& found) {
  if ((selection_.ports.empty() && !selection_.all_servers) || now_ns < next_listeners_ns_) {
    return;
  }
  std::vector<Pid> pids = AllPids();
  std::sort(pids.begin(), pids.end());
  // The first time every process is one that has been there for a while.
  const std::vector<Pid>& settled = seen_.empty() ? pids : young_;
  const auto look = [&](auto wanted, const std::vector<std::string>& except) {
    for (const Pid pid : FindListeners(settled, wanted).listening) {
      if (pid.value > 1 && !Contains(except, ReadComm(pid))) {
        found(pid);
      }
    }
  };
  if (!selection_.ports.empty()) {
    look([this](uint16_t port) { return Contains(selection_.ports, port); }, {});
  }
  if (selection_.all_servers) {
    look([](uint16_t) { return true; }, selection_.except);
  }
  young_.clear();
  if (!seen_.empty()) {
    std::set_difference(pids.begin(), pids.end(), seen_.begin(), seen_.end(),
                        std::back_inserter(young_));
  }
  seen_ = std::move(pids);
  const int64_t took_ns = MonotonicNs() - now_ns;
  next_listeners_ns_ = now_ns + std::max(kListenersNs, kLookShare * took_ns);
}

}  // namespace pinfo

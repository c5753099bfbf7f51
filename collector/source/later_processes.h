// Processes that are followed from the moment they match, whenever they start. The kernel's side
// (bpf/select.h) notices at once who begins to listen, takes a name or executes a program in a
// control group; what it has no moment for, a look at /proc finds: a process that was moved into a
// group, or that was started with a listening socket (socket activation).
//
// One thread. Times are CLOCK_MONOTONIC nanoseconds.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "collector/base/ids.h"
#include "collector/base/result.h"

namespace pinfo {

struct LaterSelection {
  std::vector<uint16_t> ports;       // listens on one of these TCP ports
  std::vector<std::string> names;    // takes one of these names (comm), by exec or itself
  std::vector<std::string> cgroups;  // executes a program in one of these, or is moved into it:
                                     // normalized paths (collector/process/cgroup.h)
  bool all_servers = false;          // listens on any TCP port
  std::vector<std::string> except;   // names that all_servers leaves out
  [[nodiscard]] bool empty() const {
    return ports.empty() && names.empty() && cgroups.empty() && !all_servers;
  }
};

class LaterProcesses {
 public:
  // Descriptors of bpf/select.h's maps; -1 where one is not loaded.
  struct Maps {
    int ports = -1;
    int names = -1;
    int excepted = -1;
    int cgroups = -1;
  };
  LaterProcesses(LaterSelection selection, const Maps& maps)
      : selection_(std::move(selection)), maps_(maps) {}

  // Tells the kernel's side what to look for.
  Status Begin();

  // Calls found(pid) for processes that match by now and of which the kernel's side does not tell;
  // some again and again. Costs at most a fiftieth of the thread's time.
  void Tick(int64_t now_ns, const std::function<void(Pid)>& found);

  [[nodiscard]] bool empty() const { return selection_.empty(); }

 private:
  void LookIntoCgroups(int64_t now_ns, const std::function<void(Pid)>& found);
  void LookForListeners(int64_t now_ns, const std::function<void(Pid)>& found);

  LaterSelection selection_;
  Maps maps_;
  std::vector<size_t> cgroups_unseen_;  // indexes of those that the kernel's side lacks yet
  int64_t next_cgroups_ns_ = 0;
  std::vector<Pid> seen_;   // sorted: every process at the last look for listeners
  std::vector<Pid> young_;  // those that had been new then
  int64_t next_listeners_ns_ = 0;
};

}  // namespace pinfo

// The processes of the stream: who each was, and what it had mapped. One thread.
//
// A process is (pid, start time, boot); a pid that comes back with another start time is another
// process. References stay valid until ForgetEnded.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "collector/base/ids.h"
#include "collector/pipeline/python_codes.h"
#include "collector/pipeline/served_sites.h"
#include "collector/source/record.h"
#include "collector/source/source.h"
#include "collector/stack/address_space.h"
#include "collector/stack/module.h"
#include "collector/store/rows.h"

namespace pinfo {

struct TrackedProcess {
  TrackedProcess(ModuleCache& modules, Pid pid) : space(modules, pid) {}
  ProcessRow row;
  AddressSpace space;
  PythonCodes python;
  uint64_t maps_version = 0;     // grows whenever a mapping changes
  uint64_t program_version = 0;  // grows with every exec
  bool dirty = true;             // row differs from what is stored
  int64_t forked_ns = 0;         // CLOCK_MONOTONIC; 0: not seen
  ServedSites sites;             // what it served since the last batch stored
};

class ProcessTable {
 public:
  ProcessTable(ModuleCache& modules, Origin origin, std::string mode);

  // REQUIRES: a record of type PROCESS, TASK, EXEC, EXIT, MAPPING or PYTHON_CODE.
  void OnRecord(const RecordView& record);

  // The process that has the pid now; an entry with nothing but its pid where no record told of it.
  TrackedProcess& Get(Pid pid);
  [[nodiscard]] std::list<TrackedProcess>& all() { return processes_; }
  // Removes the processes that ended before before_wall_ns, each told to on_forget first.
  // REQUIRES: nothing refers to them any more.
  void ForgetEnded(int64_t before_wall_ns, const std::function<void(TrackedProcess&)>& on_forget);
  [[nodiscard]] const std::string& host() const { return origin_.host; }
  [[nodiscard]] HostRow DescribeHost() const {
    return {origin_.host, origin_.uname, origin_.fqdn, origin_.addresses};
  }
  [[nodiscard]] int64_t WallNs(int64_t monotonic_ns) const {
    return monotonic_ns + origin_.wall_minus_monotonic_ns;
  }
  // What WallNs adds from now on, where it differs from before by more than clocks are slewed.
  void FollowWallClock(int64_t wall_minus_monotonic_ns);

 private:
  void OnProcess(const RecordView& record);
  void OnTask(const RecordView& record);
  void OnEnd(TrackedProcess& process, const RecordView& record);
  TrackedProcess& Add(Pid pid, int64_t now_ns);

  ModuleCache& modules_;
  Origin origin_;
  std::string mode_;
  std::list<TrackedProcess> processes_;
  std::unordered_map<Pid, TrackedProcess*> current_;
};

}  // namespace pinfo

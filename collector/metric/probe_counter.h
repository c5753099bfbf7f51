// Counts the calls of a function in every process that runs a file: an uprobe that perf counts,
// with no program behind it (perf_event_open(2), the PMU "uprobe" of Linux 4.17). Needs root or
// CAP_PERFMON. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/base/unique_fd.h"

namespace pinfo {

class ProbeCounter {
 public:
  // symbol: as the file has it (C++ names mangled). Fails where the file has no such function, or
  // the kernel lets nobody probe it.
  static Result<ProbeCounter> Open(const std::string& path, const std::string& symbol);

  // Calls since the last time, or since Open.
  int64_t Take();

 private:
  std::vector<UniqueFd> counters_;  // one a CPU
  int64_t taken_ = 0;
};

// Where the function begins in the file.
Result<uint64_t> FindFunctionOffset(const std::string& path, const std::string& symbol);

}  // namespace pinfo

// How much CPU time the machine had to spare lately: what pinfo may take for work that can wait.
// Source: the first line of /proc/stat (proc(5)). One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pinfo {

// Clock ticks of all CPUs since boot.
struct CpuTicks {
  uint64_t idle = 0;  // waiting for I/O included
  uint64_t total = 0;
};

// The "cpu" line that text begins with; nullopt where it is none.
std::optional<CpuTicks> ParseCpuTicks(std::string_view text);

class IdleMeter {
 public:
  // The share of all CPUs' time that was idle since the last call, 0 to 1; 0 where it is not known.
  double Measure();

 private:
  CpuTicks before_;
};

}  // namespace pinfo

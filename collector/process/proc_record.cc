#include "collector/process/proc_record.h"

#include <cstdlib>
#include <ctime>

#include <unistd.h>

namespace pinfo {

int64_t MonotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

pinfo_header HeaderOf(Pid pid, pinfo_record_type type) {
  pinfo_header header{};
  header.type = type;
  header.pid = pid.value;
  header.tid = pid.value;
  header.time_ns = static_cast<pinfo_u64>(MonotonicNs());
  return header;
}

uint64_t NamedNumber(const std::string& text, const std::string& name) {
  size_t at = text.rfind("\n" + name + ":");
  if (at == std::string::npos) {
    if (!text.starts_with(name + ":")) {
      return 0;
    }
    at = 0;
  } else {
    ++at;
  }
  return strtoull(text.c_str() + at + name.size() + 1, nullptr, 10);
}

uint64_t TicksToNs(uint64_t ticks) {
  static const uint64_t ns_per_tick = 1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  return ticks * ns_per_tick;
}

}  // namespace pinfo

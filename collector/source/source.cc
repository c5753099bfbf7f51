#include "collector/source/source.h"

#include <ctime>
#include <fstream>

#include <unistd.h>

namespace pinfo {
namespace {

std::string FirstLine(const char* path) {
  std::string line;
  std::ifstream(path) >> line;
  return line;
}

int64_t ClockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Origin LiveOrigin() {
  Origin origin;
  origin.host = FirstLine("/etc/machine-id");
  if (origin.host.empty()) {
    char name[256] = {};
    gethostname(name, sizeof(name) - 1);
    origin.host = name;
  }
  origin.boot_id = FirstLine("/proc/sys/kernel/random/boot_id");
  const int64_t monotonic = ClockNs(CLOCK_MONOTONIC);
  origin.wall_minus_monotonic_ns = ClockNs(CLOCK_REALTIME) - monotonic;
  origin.boot_minus_monotonic_ns = ClockNs(CLOCK_BOOTTIME) - monotonic;
  return origin;
}

}  // namespace pinfo

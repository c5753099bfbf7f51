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

int64_t LiveWallMinusMonotonicNs() {
  // Two clocks cannot be read at once: of a few tries the one in which least time passed counts.
  int64_t best = 0;
  int64_t least = INT64_MAX;
  for (int i = 0; i < 3; ++i) {
    const int64_t before = ClockNs(CLOCK_MONOTONIC);
    const int64_t wall = ClockNs(CLOCK_REALTIME);
    const int64_t after = ClockNs(CLOCK_MONOTONIC);
    if (after - before < least) {
      least = after - before;
      best = wall - before - (after - before) / 2;
    }
  }
  return best;
}

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
  origin.wall_minus_monotonic_ns = LiveWallMinusMonotonicNs();
  origin.boot_minus_monotonic_ns = ClockNs(CLOCK_BOOTTIME) - monotonic;
  return origin;
}

}  // namespace pinfo

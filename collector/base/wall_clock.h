// The time of day, in nanoseconds since the Unix epoch.
#pragma once

#include <cstdint>
#include <ctime>

namespace pinfo {

inline int64_t WallClockNs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace pinfo

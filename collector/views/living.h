// How many of some processes lived at a time: now, at most, and on average over their time. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace pinfo {

// A process's life as far as it was seen; nullopt: it lives.
struct Life {
  int64_t start_wall_ns = 0;
  std::optional<int64_t> end_wall_ns;
};

struct Living {
  int64_t created = 0;  // all of them
  int64_t current = 0;
  int64_t max = 0;
  double average =
      0;  // weighted by time, from the first start to now or, if none lives, the last end
  int64_t lifetime_min_ns = 0;
  int64_t lifetime_mean_ns = 0;
  int64_t lifetime_max_ns = 0;
};

// now_wall_ns: when those that live are looked at. An end before its start counts as no time.
Living CountLiving(std::vector<Life> lives, int64_t now_wall_ns);

}  // namespace pinfo

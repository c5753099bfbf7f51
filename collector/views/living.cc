#include "collector/views/living.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace pinfo {

Living CountLiving(std::vector<Life> lives, int64_t now_wall_ns) {
  Living living;
  living.created = static_cast<int64_t>(lives.size());
  if (lives.empty()) {
    return living;
  }
  // (time, +1 or -1); at the same moment ends come first: a worker replaced is not two.
  std::vector<std::pair<int64_t, int>> changes;
  changes.reserve(2 * lives.size());
  int64_t first = std::numeric_limits<int64_t>::max();
  int64_t last = std::numeric_limits<int64_t>::min();
  living.lifetime_min_ns = std::numeric_limits<int64_t>::max();
  // Of a thousand processes that live for years a sum of nanoseconds overflows 64 bits.
  double sum_ns = 0;
  for (const Life& life : lives) {
    living.current += life.end_wall_ns ? 0 : 1;
    const int64_t end = std::max(life.end_wall_ns.value_or(now_wall_ns), life.start_wall_ns);
    const int64_t lifetime = end - life.start_wall_ns;
    changes.emplace_back(life.start_wall_ns, 1);
    changes.emplace_back(end, -1);
    first = std::min(first, life.start_wall_ns);
    last = std::max(last, end);
    sum_ns += static_cast<double>(lifetime);
    living.lifetime_min_ns = std::min(living.lifetime_min_ns, lifetime);
    living.lifetime_max_ns = std::max(living.lifetime_max_ns, lifetime);
  }
  std::sort(changes.begin(), changes.end());
  int64_t at_once = 0;
  for (const auto& [time, change] : changes) {
    at_once += change;
    living.max = std::max(living.max, at_once);
  }
  living.max = std::max(living.max, living.current);
  living.lifetime_mean_ns = static_cast<int64_t>(sum_ns / static_cast<double>(lives.size()));
  living.average = last > first ? sum_ns / static_cast<double>(last - first)
                                : static_cast<double>(living.current);
  return living;
}

}  // namespace pinfo

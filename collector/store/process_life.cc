#include "collector/store/process_life.h"

#include <algorithm>

namespace pinfo {

Life LifeOf(const ProcessSummary& summary, bool lives) {
  const ProcessRow& process = summary.process;
  Life life{.start_wall_ns = process.start_wall_ns, .end_wall_ns = process.end_wall_ns};
  if (!life.end_wall_ns && !lives) {
    life.end_wall_ns = std::max(process.seen_wall_ns, summary.last.wall_ns);
  }
  return life;
}

}  // namespace pinfo

#include "collector/pipeline/put_off.h"

namespace pinfo {
namespace {

// What may be held of the collector's 150 MB, beside the rings (mapped twice) and its tables: 2.5 s
// of 60,000 requests a second with heads that repeat.
constexpr size_t kMaxBytes = 44 << 20;
// How late a view may be on a machine that has no CPU to spare.
constexpr int64_t kMaxNs = 3'000'000'000;
// Below it the machine counts as saturated. A server and its clients on the same CPUs wait for each
// other now and then, so that even a saturated machine is idle for a tenth of the time and more.
constexpr double kIdleEnough = 0.25;
// The kernel counts ticks of 10 ms.
constexpr int64_t kMeasureNs = 100'000'000;

}  // namespace

bool MayWait(const Backlog& backlog, double idle_share, int64_t now_ns) {
  return idle_share < kIdleEnough && !backlog.pressing && backlog.bytes < kMaxBytes &&
         now_ns - backlog.oldest_ns < kMaxNs;
}

bool PutOff::operator()(const Backlog& backlog, int64_t now_ns) {
  if (now_ns >= next_measure_ns_) {
    const double measured = meter_.Measure();
    idle_share_ = next_measure_ns_ == 0 ? 1 : measured;  // the first measure knows nothing
    next_measure_ns_ = now_ns + kMeasureNs;
  }
  return MayWait(backlog, idle_share_, now_ns);
}

}  // namespace pinfo

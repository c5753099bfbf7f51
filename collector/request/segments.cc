#include "collector/request/segments.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace pinfo {
namespace {

// The parts of [begin_ns, end_ns] that none of the parts (disjoint, by time) holds.
std::vector<WorkPart> Uncovered(const std::vector<WorkPart>& parts, const Segment& segment) {
  std::vector<WorkPart> uncovered;
  int64_t at = segment.begin_ns;
  for (const WorkPart& part : parts) {
    if (part.end_ns <= at) {
      continue;
    }
    if (part.begin_ns >= segment.end_ns) {
      break;
    }
    if (part.begin_ns > at) {
      uncovered.push_back({segment.tid, at, part.begin_ns});
    }
    at = part.end_ns;
  }
  if (at < segment.end_ns) {
    uncovered.push_back({segment.tid, at, segment.end_ns});
  }
  return uncovered;
}

// Takes time away until the three sum up to limit_ns at most.
void Limit(pinfo_thread_time& spent, bool adopted, uint64_t limit_ns) {
  // A thread that hands over does so while it runs; one that merely was woken may have gone on to
  // wait for something else.
  const auto order =
      adopted ? std::array{&spent.blocked_ns, &spent.runqueue_ns, &spent.on_cpu_ns}
              : std::array{&spent.on_cpu_ns, &spent.runqueue_ns, &spent.blocked_ns};
  for (size_t i = order.size(); i-- > 0;) {  // the last to be taken from is the first to be kept
    *order.at(i) = std::min<uint64_t>(*order.at(i), limit_ns);
    limit_ns -= *order.at(i);
  }
}

}  // namespace

Work WorkOf(std::vector<Segment> segments, int64_t start_ns, int64_t end_ns) {
  std::ranges::sort(segments, [](const Segment& a, const Segment& b) {
    return std::tuple(a.adopted, -a.begin_ns) < std::tuple(b.adopted, -b.begin_ns);
  });
  Work work;
  for (Segment& segment : segments) {
    segment.begin_ns = std::max(segment.begin_ns, start_ns);
    segment.end_ns = std::min(segment.end_ns, end_ns);
    if (segment.begin_ns >= segment.end_ns) {
      continue;
    }
    const std::vector<WorkPart> own = Uncovered(work.parts, segment);
    uint64_t length = 0;
    for (const WorkPart& part : own) {
      length += static_cast<uint64_t>(part.end_ns - part.begin_ns);
    }
    Limit(segment.spent, segment.adopted, length);
    work.spent.on_cpu_ns += segment.spent.on_cpu_ns;
    work.spent.blocked_ns += segment.spent.blocked_ns;
    work.spent.runqueue_ns += segment.spent.runqueue_ns;
    work.parts.insert(work.parts.end(), own.begin(), own.end());
    std::ranges::sort(work.parts, {}, &WorkPart::begin_ns);
  }
  return work;
}

}  // namespace pinfo

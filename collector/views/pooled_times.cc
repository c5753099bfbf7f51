#include "collector/views/pooled_times.h"

#include <algorithm>

namespace pinfo {
namespace {

void AddPart(const std::optional<int64_t>& part, std::optional<int64_t>& sum) {
  if (part) {
    sum = sum.value_or(0) + *part;
  }
}

}  // namespace

KnownParts KnownPartsOf(const LatencyParts& times) {
  return static_cast<KnownParts>((times.on_cpu_ns ? kOnCpuKnown : 0) |
                                 (times.blocked_ns ? kBlockedKnown : 0));
}

void PooledTimes::Add(const LatencyParts& times) {
  Sum& sum = sums_.at(KnownPartsOf(times));
  ++sum.requests;
  sum.times.latency_ns += std::max<int64_t>(times.latency_ns, 0);
  AddPart(times.on_cpu_ns, sum.times.on_cpu_ns);
  AddPart(times.blocked_ns, sum.times.blocked_ns);
  AddPart(times.runqueue_ns, sum.times.runqueue_ns);
  AddPart(times.waiting_ns, sum.times.waiting_ns);
}

void PartsIndex::Sort() {
  if (!sorted_) {
    std::ranges::sort(entries_);
    sorted_ = true;
  }
}

std::optional<KnownParts> PartsIndex::Find(RequestId id) const {
  const auto first = static_cast<uint64_t>(id.value) << 2;
  const auto found = std::ranges::lower_bound(entries_, first);
  if (found == entries_.end() || *found >> 2 != first >> 2) {
    return std::nullopt;
  }
  return static_cast<KnownParts>(*found & 3);
}

}  // namespace pinfo

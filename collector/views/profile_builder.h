// Builds profiles whose total is exactly the latency of the requests they cover.
//
// Time on a CPU is known to the nanosecond, samples only say where it went: it is spread over the
// on-CPU samples by their weight. Blocked samples carry their own exact durations. Whatever no
// sample explains hangs below the root as a frame of its own (collector/profile/call_tree.h).
// Pure: no I/O; an object belongs to one thread. Times are nanoseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "collector/profile/call_tree.h"
#include "collector/store/rows.h"
#include "collector/views/profile.h"

namespace pinfo {

// Of one request, or the sums over several of which the same parts are known.
struct LatencyParts {
  int64_t latency_ns = 0;
  std::optional<int64_t> on_cpu_ns = std::nullopt;
  std::optional<int64_t> blocked_ns = std::nullopt;
  std::optional<int64_t> runqueue_ns = std::nullopt;
  std::optional<int64_t> waiting_ns = std::nullopt;
};
LatencyParts TimesOf(const RequestRow& row);

// One stack, as often as it was sampled. An empty stack (nothing could be copied) counts as time
// without a stack.
struct StackSamples {
  std::vector<CallTree::Frame> root_first = {};
  uint8_t kind = 0;         // enum pinfo_sample_kind
  int64_t weight = 0;       // sum of the sampling periods
  int64_t duration_ns = 0;  // sum; of on-CPU samples used only where on_cpu_ns is not known
  int64_t count = 0;
  StackEndCounts incomplete = {};  // of count: stacks that did not reach their thread's start
};

class ProfileBuilder {
 public:
  // The frame in terms of the tree being built; equal functions are one, whatever the line.
  CallTree::Frame AddFrame(const FrameRow& frame);

  // Adds exactly times.latency_ns (at least 0) to the tree: first each known part, cut to what is
  // left of the latency should they exceed it; then, for a part that is not known, the durations of
  // its samples; the rest is [unattributed].
  // REQUIRES: the functions came from AddFrame.
  void Add(const LatencyParts& times, int64_t requests, std::span<const StackSamples> samples);

  Profile Take() { return std::move(profile_); }

 private:
  // What a sample's share of the time is measured by.
  using Measure = int64_t (*)(const StackSamples&);

  void AddFrameOfItsOwn(const char* name, TimeKind kind, int64_t time_ns);
  void Spread(std::span<const StackSamples> samples, uint8_t kind, int64_t time_ns,
              Measure measure);
  int64_t AddDurations(std::span<const StackSamples> samples, uint8_t kind, int64_t limit_ns);
  void CountSamples(std::span<const StackSamples> samples);

  Profile profile_;
};

}  // namespace pinfo

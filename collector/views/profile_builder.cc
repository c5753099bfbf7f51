#include "collector/views/profile_builder.h"

#include <algorithm>

#include "bpf/wire.h"

namespace pinfo {
namespace {

TimeKind KindOf(uint8_t sample_kind) {
  return sample_kind == PINFO_SAMPLE_BLOCKED ? TimeKind::kBlocked : TimeKind::kOnCpu;
}

const char* FrameWithoutStack(uint8_t sample_kind) {
  return sample_kind == PINFO_SAMPLE_BLOCKED ? kBlockedFrame : kUnsampledFrame;
}

int64_t Weight(const StackSamples& samples) { return std::max<int64_t>(samples.weight, 0); }
int64_t Duration(const StackSamples& samples) { return std::max<int64_t>(samples.duration_ns, 0); }

int64_t Sum(std::span<const StackSamples> samples, uint8_t kind,
            int64_t (*measure)(const StackSamples&)) {
  int64_t sum = 0;
  for (const StackSamples& each : samples) {
    if (each.kind == kind) {
      sum += measure(each);
    }
  }
  return sum;
}

}  // namespace

LatencyParts TimesOf(const RequestRow& row) {
  return {.latency_ns = row.latency_ns,
          .on_cpu_ns = row.on_cpu_ns,
          .blocked_ns = row.blocked_ns,
          .runqueue_ns = row.runqueue_ns,
          .waiting_ns = row.waiting_ns};
}

CallTree::Frame ProfileBuilder::AddFrame(const FrameRow& frame) {
  return {.function = profile_.tree.AddFunction({.name = frame.function,
                                                 .file = frame.file,
                                                 .module = frame.module,
                                                 .line = frame.function_line}),
          .line = frame.line};
}

void ProfileBuilder::Add(const LatencyParts& times, int64_t requests,
                         std::span<const StackSamples> samples) {
  int64_t left = std::max<int64_t>(times.latency_ns, 0);
  const auto take = [&left](int64_t part) {
    const int64_t taken = std::clamp<int64_t>(part, 0, left);
    left -= taken;
    return taken;
  };
  profile_.requests += requests;
  CountSamples(samples);
  if (times.on_cpu_ns) {
    const int64_t on_cpu = take(*times.on_cpu_ns);
    if (Sum(samples, PINFO_SAMPLE_ON_CPU, Weight) > 0) {
      Spread(samples, PINFO_SAMPLE_ON_CPU, on_cpu, Weight);
    } else {
      AddFrameOfItsOwn(kUnsampledFrame, TimeKind::kOnCpu, on_cpu);
    }
  }
  if (times.blocked_ns) {
    const int64_t blocked = take(*times.blocked_ns);
    const int64_t sampled = AddDurations(samples, PINFO_SAMPLE_BLOCKED, blocked);
    AddFrameOfItsOwn(kBlockedFrame, TimeKind::kBlocked, blocked - sampled);
  }
  AddFrameOfItsOwn(kRunqueueFrame, TimeKind::kRunqueue, take(times.runqueue_ns.value_or(0)));
  AddFrameOfItsOwn(kWaitingFrame, TimeKind::kWaiting, take(times.waiting_ns.value_or(0)));
  if (!times.blocked_ns) {
    left -= AddDurations(samples, PINFO_SAMPLE_BLOCKED, left);
  }
  if (!times.on_cpu_ns) {
    left -= AddDurations(samples, PINFO_SAMPLE_ON_CPU, left);
  }
  AddFrameOfItsOwn(kUnattributedFrame, TimeKind::kUnattributed, left);
}

void ProfileBuilder::AddFrameOfItsOwn(const char* name, TimeKind kind, int64_t time_ns) {
  if (time_ns > 0) {
    const CallTree::FunctionIndex function = profile_.tree.AddFunction({.name = name});
    profile_.tree.AddStack(std::span(&function, 1), kind, time_ns, 0);
  }
}

// Running sums keep the shares' total exact: each stack gets what the sum has grown by, rounded.
void ProfileBuilder::Spread(std::span<const StackSamples> samples, uint8_t kind, int64_t time_ns,
                            Measure measure) {
  const int64_t whole = Sum(samples, kind, measure);
  if (whole <= 0) {
    return;
  }
  int64_t measured = 0;
  int64_t given = 0;
  for (const StackSamples& each : samples) {
    if (each.kind != kind) {
      continue;
    }
    measured += measure(each);
    // 128 bits: a day in nanoseconds times a million samples does not fit 64.
    const auto due = static_cast<int64_t>(static_cast<__int128>(time_ns) * measured / whole);
    const int64_t share = due - given;
    given = due;
    if (each.root_first.empty()) {
      AddFrameOfItsOwn(FrameWithoutStack(kind), KindOf(kind), share);
    } else if (share > 0) {
      profile_.tree.AddFrames(each.root_first, KindOf(kind), share, 0);
    }
  }
}

// The samples' own durations, scaled down together where they exceed limit_ns. Returns their sum.
int64_t ProfileBuilder::AddDurations(std::span<const StackSamples> samples, uint8_t kind,
                                     int64_t limit_ns) {
  const int64_t time_ns = std::min(Sum(samples, kind, Duration), limit_ns);
  Spread(samples, kind, time_ns, Duration);
  return time_ns;
}

void ProfileBuilder::CountSamples(std::span<const StackSamples> samples) {
  for (const StackSamples& each : samples) {
    profile_.samples += each.count;
    profile_.samples_incomplete.Add(each.incomplete);
    if (!each.root_first.empty()) {
      profile_.tree.AddFrames(each.root_first, KindOf(each.kind), 0, each.count);
    }
  }
}

}  // namespace pinfo

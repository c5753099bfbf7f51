#include "html/verdict.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "collector/views/time_split.h"

namespace pinfo::html {
namespace {

// Below this share of the latency a function is not worth naming in the one sentence.
constexpr double kNotableShare = 0.1;

struct Part {
  TimeKind kind;
  std::optional<int64_t> ns;
  const char* main;  // completes "was spent"
};

std::string Duration(int64_t ns) {
  const auto value = static_cast<double>(ns);
  if (ns >= 1'000'000'000) {
    return fmt::format("{:.3g} s", value / 1e9);
  }
  if (ns >= 1'000'000) {
    return fmt::format("{:.3g} ms", value / 1e6);
  }
  return ns >= 1'000 ? fmt::format("{:.3g} \u00b5s", value / 1e3) : fmt::format("{} ns", ns);
}

double Share(int64_t ns, int64_t latency_ns) {
  return static_cast<double>(ns) / static_cast<double>(latency_ns);
}

// With fewer samples the sentence says how few: a share of so little is a hint, not a figure.
constexpr int64_t kFewSamples = 10;

// Frames in brackets stand for time without a stack: they explain nothing.
bool IsFunction(const CallGraph::FunctionCost& cost) {
  return !cost.function.name.empty() && cost.function.name.front() != '[';
}

std::string MainFunction(const RequestRow& request, const CallGraph& profile, TimeKind kind) {
  const auto index = static_cast<size_t>(kind);
  const CallGraph::FunctionCost* best = nullptr;
  for (const CallGraph::FunctionCost& cost : profile.functions) {
    if (IsFunction(cost) &&
        (best == nullptr || cost.self_by_kind[index] > best->self_by_kind[index])) {
      best = &cost;
    }
  }
  if (best == nullptr) {
    return "";
  }
  const double share = Share(best->self_by_kind[index], request.latency_ns);
  if (share < kNotableShare) {
    return "";
  }
  return fmt::format(", {:.0f}% in {} itself{}", 100 * share, best->function.name,
                     request.samples >= kFewSamples ? ""
                     : request.samples == 1         ? " (by one sample)"
                                            : fmt::format(" (by {} samples)", request.samples));
}

}  // namespace

std::string TimeVerdict(const RequestRow& request, const CallGraph& profile) {
  const int64_t latency = request.latency_ns;
  const std::array<Part, 4> parts = {{
      {TimeKind::kOnCpu, request.on_cpu_ns, "running code"},
      {TimeKind::kBlocked, request.blocked_ns, "blocked"},
      {TimeKind::kRunqueue, request.runqueue_ns, "ready to run while the CPUs were busy"},
      {TimeKind::kWaiting, request.waiting_ns,
       "open while its thread did something else or waited for input"},
  }};
  if (std::ranges::none_of(parts, [](const Part& part) { return part.ns.has_value(); })) {
    return "Where the time went is not known: no single thread received and answered this request.";
  }
  if (latency <= 0) {
    return "It took no measurable time.";
  }
  for (const Part& part : parts) {
    const double share = Share(part.ns.value_or(0), latency);
    if (share >= 0.5) {
      return fmt::format("{:.0f}% of {} was spent {}{}.", 100 * share, Duration(latency), part.main,
                         MainFunction(request, profile, part.kind));
    }
  }
  return fmt::format("No kind of time took half of {}: {}.", Duration(latency),
                     DescribeTimeSplit(request));
}

}  // namespace pinfo::html

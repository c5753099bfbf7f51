#include "collector/views/time_split.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace pinfo {
namespace {

struct Part {
  TimeKind kind;
  int64_t time_ns;
  int64_t percent;
  int64_t remainder;
};

// Rounds so that the percentages add up: those with the largest remainders are rounded up.
void Round(std::vector<Part>& parts, int64_t whole_ns) {
  int64_t missing = 100;
  for (Part& part : parts) {
    const auto scaled = static_cast<__int128>(part.time_ns) * 100;
    part.percent = static_cast<int64_t>(scaled / whole_ns);
    part.remainder = static_cast<int64_t>(scaled % whole_ns);
    missing -= part.percent;
  }
  for (; missing > 0; --missing) {
    const auto largest =
        std::max_element(parts.begin(), parts.end(),
                         [](const Part& a, const Part& b) { return a.remainder < b.remainder; });
    largest->percent += 1;
    largest->remainder = -1;
  }
}

}  // namespace

std::string DescribeTimeSplit(const RequestRow& row) {
  return DescribeTimeSplit(row, [](TimeKind, int64_t) { return std::string(); });
}

std::string DescribeTimeSplit(const RequestRow& row, const TimeDetail& detail) {
  if (!row.on_cpu_ns && !row.blocked_ns && !row.runqueue_ns && !row.waiting_ns) {
    return "where its time went is not known: more than one thread served it, or pinfo saw only a "
           "part of it";
  }
  if (row.latency_ns <= 0) {
    return "it took no measurable time";
  }
  std::vector<Part> parts;
  int64_t left = row.latency_ns;
  for (const auto& [kind, time] :
       {std::pair<TimeKind, std::optional<int64_t>>{TimeKind::kOnCpu, row.on_cpu_ns},
        {TimeKind::kBlocked, row.blocked_ns},
        {TimeKind::kRunqueue, row.runqueue_ns},
        {TimeKind::kWaiting, row.waiting_ns}}) {
    const int64_t part = std::clamp<int64_t>(time.value_or(0), 0, left);
    left -= part;
    parts.push_back({kind, part, 0, 0});
  }
  parts.push_back({TimeKind::kUnattributed, left, 0, 0});
  Round(parts, row.latency_ns);
  std::string text;
  for (const Part& part : parts) {
    if (part.percent > 0) {
      text += fmt::format("{}{}% {}{}", text.empty() ? "" : ", ", part.percent,
                          TimeKindName(part.kind), detail(part.kind, part.time_ns));
    }
  }
  return text;
}

}  // namespace pinfo

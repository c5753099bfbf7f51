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
  const char* name;
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
  if (!row.on_cpu_ns && !row.blocked_ns && !row.runqueue_ns && !row.waiting_ns) {
    return "where its time went is not known: more than one thread served it, or pinfo saw only a "
           "part of it";
  }
  if (row.latency_ns <= 0) {
    return "it took no measurable time";
  }
  std::vector<Part> parts;
  int64_t left = row.latency_ns;
  for (const auto& [name, time] :
       {std::pair<const char*, std::optional<int64_t>>{"on CPU", row.on_cpu_ns},
        {"blocked", row.blocked_ns},
        {"waiting for a CPU", row.runqueue_ns},
        {"waiting", row.waiting_ns}}) {
    const int64_t part = std::clamp<int64_t>(time.value_or(0), 0, left);
    left -= part;
    parts.push_back({name, part, 0, 0});
  }
  parts.push_back({"unattributed", left, 0, 0});
  Round(parts, row.latency_ns);
  std::string text;
  for (const Part& part : parts) {
    if (part.percent > 0) {
      text += fmt::format("{}{}% {}", text.empty() ? "" : ", ", part.percent, part.name);
    }
  }
  return text;
}

}  // namespace pinfo

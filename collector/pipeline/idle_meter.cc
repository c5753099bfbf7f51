#include "collector/pipeline/idle_meter.h"

#include <charconv>
#include <string>

#include "collector/base/read_all.h"

namespace pinfo {

std::optional<CpuTicks> ParseCpuTicks(std::string_view text) {
  constexpr std::string_view kName = "cpu ";
  constexpr int kFields = 8;  // user nice system idle iowait irq softirq steal; guest is in user
  if (!text.starts_with(kName)) {
    return std::nullopt;
  }
  const char* at = text.data() + kName.size();
  const char* const end = text.data() + text.size();
  CpuTicks ticks;
  for (int field = 0; field < kFields; ++field) {
    while (at != end && *at == ' ') {
      ++at;
    }
    uint64_t value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc()) {
      return std::nullopt;
    }
    at = next;
    ticks.total += value;
    if (field == 3 || field == 4) {
      ticks.idle += value;
    }
  }
  return ticks;
}

double IdleMeter::Measure() {
  const std::optional<CpuTicks> now = ParseCpuTicks(ReadAll("/proc/stat"));
  if (!now) {
    return 0;
  }
  const CpuTicks before = before_;
  before_ = *now;
  // Iowait may run backwards (proc(5)).
  if (before.total == 0 || now->total <= before.total || now->idle <= before.idle) {
    return 0;
  }
  return static_cast<double>(now->idle - before.idle) /
         static_cast<double>(now->total - before.total);
}

}  // namespace pinfo

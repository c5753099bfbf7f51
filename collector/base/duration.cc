#include "collector/base/duration.h"

#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace pinfo {
namespace {

constexpr std::array<std::pair<std::string_view, int64_t>, 7> kUnits{{
    {"ns", 1},
    {"us", 1'000},
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
    {"d", 86'400'000'000'000},
}};

tl::unexpected<Error> NotADuration(std::string_view text) {
  return Fail(
      fmt::format("'{}' is not a duration: give a number and a unit, such as 50ms, 5s, "
                  "10m, 2h or 1d",
                  text));
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int64_t UnitOf(std::string_view name) {
  for (const auto& [unit, ns] : kUnits) {
    if (unit == name) {
      return ns;
    }
  }
  return 0;
}

}  // namespace

Result<int64_t> ParseDuration(std::string_view text) {
  const size_t number_end = text.find_first_not_of("0123456789.");
  if (number_end == 0 || number_end == std::string_view::npos || !IsDigit(text.front())) {
    return NotADuration(text);
  }
  const int64_t unit = UnitOf(text.substr(number_end));
  const std::string_view number = text.substr(0, number_end);
  const size_t point = number.find('.');
  if (unit == 0 || point == number.size() - 1) {
    return NotADuration(text);
  }
  int64_t total = 0;
  for (const char c : number.substr(0, point)) {
    if (__builtin_mul_overflow(total, 10, &total) ||
        __builtin_add_overflow(total, c - '0', &total)) {
      return NotADuration(text);
    }
  }
  if (__builtin_mul_overflow(total, unit, &total)) {
    return NotADuration(text);
  }
  if (point != std::string_view::npos) {
    int64_t scale = unit;
    for (const char c : number.substr(point + 1)) {
      if (!IsDigit(c)) {
        return NotADuration(text);
      }
      scale /= 10;  // digits below a nanosecond count nothing
      if (__builtin_add_overflow(total, scale * (c - '0'), &total)) {
        return NotADuration(text);
      }
    }
  }
  return total;
}

}  // namespace pinfo

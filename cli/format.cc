#include "cli/format.h"

#include <array>
#include <cstdlib>
#include <ctime>
#include <optional>

#include <fmt/format.h>

#include "collector/base/duration.h"
#include "collector/profile/utf8.h"

namespace pinfo::cli {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

// Three significant digits below 1000, whole numbers from there on.
std::string ThreeDigits(double value) {
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f}", value, decimals);
}

struct Moment {
  time_t seconds = 0;
  int64_t nanoseconds = 0;  // 0 .. 999999999
};

Moment Split(int64_t wall_ns) {
  int64_t seconds = wall_ns / kNsPerSecond;
  int64_t rest = wall_ns % kNsPerSecond;
  if (rest < 0) {  // before 1970
    rest += kNsPerSecond;
    seconds -= 1;
  }
  return {.seconds = seconds, .nanoseconds = rest};
}

std::string FormatFields(const std::tm& fields, char separator) {
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}", fields.tm_year + 1900,
                     fields.tm_mon + 1, fields.tm_mday, separator, fields.tm_hour, fields.tm_min,
                     fields.tm_sec);
}

// Reads a date and time from the front of a text. Every method consumes what it has read.
class MomentParser {
 public:
  explicit MomentParser(std::string_view text) : rest_(text) {}

  std::optional<int64_t> Parse() {
    std::tm fields = {};
    if (!Number(4, fields.tm_year) || !Skip('-') || !Number(2, fields.tm_mon) || !Skip('-') ||
        !Number(2, fields.tm_mday)) {
      return std::nullopt;
    }
    fields.tm_year -= 1900;
    fields.tm_mon -= 1;
    fields.tm_isdst = -1;  // mktime finds out
    int64_t fraction_ns = 0;
    std::optional<int64_t> offset_s;
    if (!rest_.empty() &&
        (!ClockTime(fields, fraction_ns) || !Offset(offset_s) || !rest_.empty())) {
      return std::nullopt;
    }
    // timegm and mktime silently turn a 31st of February into a day in March.
    std::tm checked = fields;
    const time_t as_utc = ::timegm(&checked);
    if (checked.tm_mday != fields.tm_mday || checked.tm_mon != fields.tm_mon ||
        checked.tm_hour != fields.tm_hour || checked.tm_min != fields.tm_min) {
      return std::nullopt;
    }
    constexpr time_t kMaxSeconds = INT64_MAX / kNsPerSecond - 86'400;  // a day for the offset
    if (as_utc < 0 || as_utc > kMaxSeconds) {
      return std::nullopt;
    }
    const time_t seconds = offset_s ? as_utc - *offset_s : ::mktime(&fields);
    return seconds * kNsPerSecond + fraction_ns;
  }

 private:
  bool Skip(char c) {
    if (rest_.empty() || rest_.front() != c) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }

  static bool IsDigit(char c) { return c >= '0' && c <= '9'; }

  bool Number(size_t digits, int& value) {
    if (rest_.size() < digits) {
      return false;
    }
    value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (!IsDigit(rest_[i])) {
        return false;
      }
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(digits);
    return true;
  }

  // "T09:05", then ":00" and ".25" where they are given.
  bool ClockTime(std::tm& fields, int64_t& fraction_ns) {
    if ((!Skip('T') && !Skip('t') && !Skip(' ')) || !Number(2, fields.tm_hour) || !Skip(':') ||
        !Number(2, fields.tm_min)) {
      return false;
    }
    if (!Skip(':')) {
      return true;
    }
    if (!Number(2, fields.tm_sec) || fields.tm_sec > 60) {
      return false;
    }
    if (Skip('.')) {
      int64_t unit = kNsPerSecond / 10;
      if (rest_.empty() || !IsDigit(rest_.front())) {
        return false;
      }
      for (; !rest_.empty() && IsDigit(rest_.front()); rest_.remove_prefix(1)) {
        fraction_ns += (rest_.front() - '0') * unit;
        unit /= 10;
      }
    }
    return true;
  }

  // "Z", "+01:00" or nothing, which is local time.
  bool Offset(std::optional<int64_t>& seconds) {
    if (rest_.empty()) {
      return true;
    }
    if (Skip('Z') || Skip('z')) {
      seconds = 0;
      return true;
    }
    const int sign = rest_.front() == '-' ? -1 : 1;
    int hours = 0;
    int minutes = 0;
    if ((!Skip('+') && !Skip('-')) || !Number(2, hours) || !Skip(':') || !Number(2, minutes) ||
        hours > 23 || minutes > 59) {
      return false;
    }
    seconds = sign * (hours * 3600 + minutes * 60);
    return true;
  }

  std::string_view rest_;
};

// One code point of valid UTF-8 from the front of text, which is not empty; length is in bytes.
char32_t FirstCodePoint(std::string_view text, size_t& length) {
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (length == 1) {
    return lead;
  }
  char32_t point = lead & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    point = point << 6 | (byte(i) & 0x3f);
  }
  return point;
}

bool ChangesTerminal(char32_t point) {
  const bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
  const bool bidirectional = point == 0x61c || point == 0x200e || point == 0x200f ||
                             (point >= 0x2028 && point <= 0x202e) ||
                             (point >= 0x2066 && point <= 0x2069);
  return control || bidirectional;
}

}  // namespace

std::string FormatDuration(int64_t ns) {
  struct Unit {
    int64_t ns;
    const char* name;
  };
  static constexpr std::array<Unit, 3> kUnits = {
      {{kNsPerSecond, "s"}, {1'000'000, "ms"}, {1'000, "us"}}};
  if (ns < 0) {
    return "-" + FormatDuration(ns == INT64_MIN ? INT64_MAX : -ns);
  }
  for (const Unit& unit : kUnits) {
    if (ns >= unit.ns) {
      return ThreeDigits(static_cast<double>(ns) / static_cast<double>(unit.ns)) + " " + unit.name;
    }
  }
  return fmt::format("{} ns", ns);
}

std::string FormatAge(int64_t ns) {
  const int64_t seconds = ns / kNsPerSecond;
  constexpr int64_t kMinute = 60;
  constexpr int64_t kHour = 60 * kMinute;
  constexpr int64_t kDay = 24 * kHour;
  if (seconds < kMinute) {
    return FormatDuration(ns);
  }
  if (seconds < kHour) {
    return fmt::format("{} min {} s", seconds / kMinute, seconds % kMinute);
  }
  if (seconds < kDay) {
    return fmt::format("{} h {} min", seconds / kHour, seconds % kHour / kMinute);
  }
  return fmt::format("{} d {} h", seconds / kDay, seconds % kDay / kHour);
}

std::string FormatBytes(int64_t bytes) {
  static constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) {
    return fmt::format("{} B", bytes);
  }
  auto value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) {
    value /= 1024;
  }
  return ThreeDigits(value) + " " + kUnits[unit];
}

std::string FormatPercent(int64_t part, int64_t whole) {
  const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return percent != 0 && percent < 0.995 ? fmt::format("{:.2f}%", percent)
                                         : fmt::format("{:.0f}%", percent);
}

std::string FormatLocalTime(int64_t wall_ns) {
  const Moment moment = Split(wall_ns);
  std::tm fields = {};
  ::localtime_r(&moment.seconds, &fields);
  return fmt::format("{}.{:03}", FormatFields(fields, ' '), moment.nanoseconds / 1'000'000);
}

std::string FormatRfc3339(int64_t wall_ns) {
  const Moment moment = Split(wall_ns);
  std::tm fields = {};
  ::gmtime_r(&moment.seconds, &fields);
  return fmt::format("{}.{:06}Z", FormatFields(fields, 'T'), moment.nanoseconds / 1'000);
}

std::string EscapeForTerminal(std::string_view text) {
  const std::string valid = ValidUtf8(text);
  std::string escaped;
  escaped.reserve(valid.size());
  for (std::string_view rest = valid; !rest.empty();) {
    size_t length = 0;
    const char32_t point = FirstCodePoint(rest, length);
    if (!ChangesTerminal(point)) {
      escaped.append(rest.substr(0, length));
    } else if (point < 0x100) {
      escaped += fmt::format("\\x{:02x}", static_cast<unsigned>(point));
    } else {
      escaped += fmt::format("\\u{:04x}", static_cast<unsigned>(point));
    }
    rest.remove_prefix(length);
  }
  return escaped;
}

Result<int64_t> ParseMoment(std::string_view text, int64_t now_wall_ns) {
  if (const std::optional<int64_t> moment = MomentParser(text).Parse()) {
    return *moment;
  }
  if (const Result<int64_t> duration = ParseDuration(text)) {
    return now_wall_ns - *duration;
  }
  return Fail(
      fmt::format("'{}' is no moment; give how long ago (10m, 2h) or a date and time "
                  "(2026-01-31T09:05)",
                  EscapeForTerminal(text)));
}

}  // namespace pinfo::cli

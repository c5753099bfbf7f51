#include "collector/metric/statsd_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "collector/profile/utf8.h"

namespace pinfo {
namespace {

constexpr size_t kValuesMax = 1000;  // of a line

std::string_view TakeUntil(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  const std::string_view head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return head;
}

// Names and tags end in tables, files and labels: no control characters, valid UTF-8.
bool IsClean(std::string_view text) {
  bool ascii = true;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      return false;
    }
    ascii = ascii && byte < 0x80;
  }
  return ascii || ValidUtf8(text) == text;
}

std::optional<double> ParseNumber(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) {
      return std::nullopt;
    }
  }
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
    return std::nullopt;
  }
  return number;
}

std::optional<MetricKind> ParseType(std::string_view text) {
  if (text == "c") {
    return MetricKind::kCounter;
  }
  if (text == "g") {
    return MetricKind::kGauge;
  }
  if (text == "ms" || text == "h" || text == "d") {
    return MetricKind::kTiming;
  }
  if (text == "s") {
    return MetricKind::kSet;
  }
  return std::nullopt;
}

bool AddValue(std::string_view text, MetricKind kind, double weight, StatsdLine& out) {
  StatsdValue value{.kind = kind, .number = 0, .relative = false, .text = text, .weight = weight};
  if (kind == MetricKind::kSet) {
    if (text.empty() || !IsClean(text)) {
      return false;
    }
  } else {
    const std::optional<double> number = ParseNumber(text);
    if (!number) {
      return false;
    }
    value.number = *number;
    value.relative = kind == MetricKind::kGauge && (text[0] == '+' || text[0] == '-');
  }
  if (out.values.size() >= kValuesMax) {
    return false;
  }
  out.values.push_back(value);
  return true;
}

// One bit: "1:2:3" of a type, all of the same rate.
bool AddBit(std::string_view values, std::string_view type, double weight, StatsdLine& out) {
  const std::optional<MetricKind> kind = ParseType(type);
  if (!kind) {
    return false;
  }
  do {
    if (!AddValue(TakeUntil(values, ':'), *kind, weight, out)) {
      return false;
    }
  } while (!values.empty());
  return true;
}

// Tags of one of the three notations into "key:value,...", sorted, each once.
bool AddTags(std::string_view text, char separator, bool equals, std::vector<std::string>& tags) {
  while (!text.empty()) {
    std::string tag(TakeUntil(text, separator));
    if (tag.empty()) {
      continue;
    }
    if (const size_t at = tag.find('='); equals && at != std::string::npos) {
      tag[at] = ':';
    }
    if (!IsClean(tag) || tag.find(',') != std::string::npos || tags.size() >= 64) {
      return false;
    }
    tags.push_back(std::move(tag));
  }
  return true;
}

bool JoinTags(std::vector<std::string>& tags, std::string& joined) {
  std::sort(tags.begin(), tags.end());
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  for (const std::string& tag : tags) {
    if (!joined.empty()) {
      joined += ',';
    }
    joined += tag;
  }
  return joined.size() <= kStatsdTagsMax;
}

bool ParseName(std::string_view name, StatsdLine& out, std::vector<std::string>& tags) {
  if (const size_t at = name.find_first_of(",;"); at != std::string_view::npos) {
    const char separator = name[at];
    if (!AddTags(name.substr(at + 1), separator, /*equals=*/true, tags)) {
      return false;
    }
    name = name.substr(0, at);
  }
  out.name = name;
  return !name.empty() && name.size() <= kStatsdNameMax && IsClean(name);
}

std::optional<double> ParseRate(std::string_view text) {
  const std::optional<double> rate = ParseNumber(text);
  return rate && *rate > 0 && *rate <= 1 ? std::optional(1 / *rate) : std::nullopt;
}

bool IsExtension(std::string_view field) {
  return field.starts_with("c:") || field.starts_with("e:") || field.starts_with('T');
}

// The field up to a colon; what is behind one are the next bit's values.
std::string_view TakeBit(std::string_view field, std::optional<std::string_view>& next_values) {
  const size_t colon = field.find(':');
  if (colon != std::string_view::npos) {
    next_values = field.substr(colon + 1);
  }
  return field.substr(0, colon);
}

// What follows the name. A type or a rate with a colon ends a bit; behind it the next one begins.
bool ParseBits(std::string_view rest, StatsdLine& out, std::vector<std::string>& tags) {
  std::string_view values = TakeUntil(rest, '|');
  std::optional<std::string_view> type;
  double weight = 1;
  while (true) {
    std::string_view field = TakeUntil(rest, '|');
    std::optional<std::string_view> next_values;
    if (!type) {
      type = TakeBit(field, next_values);
    } else if (field.starts_with('@')) {
      const std::optional<double> parsed = ParseRate(TakeBit(field.substr(1), next_values));
      if (!parsed) {
        return false;
      }
      weight = *parsed;
    } else if (field.starts_with('#')) {
      if (!AddTags(field.substr(1), ',', /*equals=*/false, tags)) {
        return false;
      }
    } else if (!IsExtension(field)) {
      return false;
    }
    if (next_values) {
      if (!AddBit(values, *type, weight, out)) {
        return false;
      }
      values = *next_values;
      type.reset();
      weight = 1;
      if (rest.empty()) {
        return false;
      }
    } else if (rest.empty()) {
      return AddBit(values, *type, weight, out);
    }
  }
}

}  // namespace

bool ParseStatsdLine(std::string_view line, StatsdLine& out) {
  out.tags.clear();
  out.values.clear();
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return false;
  }
  std::vector<std::string> tags;
  return ParseName(line.substr(0, colon), out, tags) &&
         ParseBits(line.substr(colon + 1), out, tags) && JoinTags(tags, out.tags);
}

}  // namespace pinfo

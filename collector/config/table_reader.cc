#include "collector/config/table_reader.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "collector/base/duration.h"

namespace pinfo {
namespace {

constexpr size_t kNameBytesMax = 200;

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

std::string TypeName(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
    case toml::node_type::floating_point:
      return "a number";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

}  // namespace

std::string PlaceOf(const toml::source_region& where) {
  return fmt::format("{}:{}:{}", where.path ? *where.path : "configuration", where.begin.line,
                     where.begin.column);
}

void Problems::Add(const toml::source_region& where, const std::string& what) {
  messages_.push_back(PlaceOf(where) + ": " + what);
}

void Problems::Add(const std::string& file, const std::string& what) {
  messages_.push_back(file + ": " + what);
}

std::string Problems::Text() const {
  const size_t shown = std::min(messages_.size(), kMaxShown);
  std::string text = fmt::format(
      "{}",
      fmt::join(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(shown), "\n"));
  if (messages_.size() > shown) {
    text += fmt::format("\nand {} more", messages_.size() - shown);
  }
  return text;
}

const toml::node* TableReader::Find(std::string_view key) {
  known_.emplace(key);
  return table_.get(key);
}

void TableReader::Complain(std::string_view key, const std::string& what) {
  const toml::node* node = table_.get(key);
  problems_.Add(node != nullptr ? node->source() : table_.source(),
                fmt::format("{}: {}", what_, what));
}

std::optional<std::string> TableReader::Text(std::string_view key, bool multi_line) {
  const toml::node* node = Find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (!node->is_string()) {
    Complain(key, fmt::format("{} must be a text, not {}", key, TypeName(*node)));
    return std::nullopt;
  }
  std::string text = **node->as_string();
  if (text.empty() || (!multi_line && HasControl(text)) || text.find('\0') != std::string::npos) {
    Complain(key, text.empty() ? fmt::format("{} is empty", key)
                               : fmt::format("{} holds control characters", key));
    return std::nullopt;
  }
  return text;
}

std::optional<std::string> TableReader::Name(std::string_view key) {
  std::optional<std::string> name = Text(key);
  if (name && name->size() > kNameBytesMax) {
    Complain(key, fmt::format("{} has more than {} bytes", key, kNameBytesMax));
    return std::nullopt;
  }
  return name;
}

std::optional<bool> TableReader::Flag(std::string_view key) {
  const toml::node* node = Find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (!node->is_boolean()) {
    Complain(key, fmt::format("{} must be true or false, not {}", key, TypeName(*node)));
    return std::nullopt;
  }
  return **node->as_boolean();
}

std::optional<double> TableReader::Number(std::string_view key, double least, double most) {
  const toml::node* node = Find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  const std::optional<double> value = node->value<double>();
  if (!node->is_number() || !value || !std::isfinite(*value) || *value < least || *value > most) {
    Complain(key, fmt::format("{} must be a number from {} to {}", key, least, most));
    return std::nullopt;
  }
  return value;
}

std::optional<int64_t> TableReader::Integer(std::string_view key, int64_t least, int64_t most) {
  const toml::node* node = Find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  const toml::value<int64_t>* value = node->as_integer();
  if (value == nullptr || **value < least || **value > most) {
    Complain(key, fmt::format("{} must be a whole number from {} to {}", key, least, most));
    return std::nullopt;
  }
  return **value;
}

std::optional<int64_t> TableReader::Duration(std::string_view key, int64_t least_ns,
                                             int64_t most_ns) {
  const toml::node* node = Find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  std::optional<int64_t> ns;
  if (const auto* text = node->as_string()) {
    const Result<int64_t> parsed = ParseDuration(**text);
    if (!parsed) {
      Complain(key, fmt::format("{}: {}", key, parsed.error().message));
      return std::nullopt;
    }
    ns = *parsed;
  } else if (node->is_number()) {
    const double seconds = node->value<double>().value_or(-1);
    if (std::isfinite(seconds) && seconds >= 0 && seconds < 9e9) {
      ns = static_cast<int64_t>(std::llround(seconds * 1e9));
    }
  }
  if (!ns || *ns < least_ns || *ns > most_ns) {
    Complain(key,
             fmt::format("{} must be a time from {} s to {} s, as \"90s\" or \"5m\"", key,
                         static_cast<double>(least_ns) / 1e9, static_cast<double>(most_ns) / 1e9));
    return std::nullopt;
  }
  return ns;
}

std::optional<std::vector<std::string>> TableReader::Command(std::string_view key) {
  const toml::node* node = Find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (node->is_string()) {
    std::optional<std::string> text = Text(key, /*multi_line=*/true);
    return text ? std::optional(std::vector<std::string>{"/bin/sh", "-c", std::move(*text)})
                : std::nullopt;
  }
  std::vector<std::string> words;
  if (const toml::array* array = node->as_array()) {
    for (const toml::node& word : *array) {
      if (word.is_string() && (**word.as_string()).find('\0') == std::string::npos) {
        words.push_back(**word.as_string());
      }
    }
    if (!words.empty() && words.size() == array->size() && !words.front().empty()) {
      return words;
    }
  }
  Complain(key, fmt::format("{} must be a text or a list of texts", key));
  return std::nullopt;
}

std::optional<size_t> TableReader::Choice(std::string_view key,
                                          std::initializer_list<std::string_view> words) {
  const toml::node* node = Find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  if (const auto* text = node->as_string()) {
    const auto* found = std::find(words.begin(), words.end(), std::string_view(**text));
    if (found != words.end()) {
      return static_cast<size_t>(found - words.begin());
    }
  }
  Complain(key, fmt::format("{} must be one of: {}", key, fmt::join(words, ", ")));
  return std::nullopt;
}

const toml::table* TableReader::Table(std::string_view key) {
  const toml::node* node = Find(key);
  if (node != nullptr && !node->is_table()) {
    Complain(key, fmt::format("{} must be a table", key));
    return nullptr;
  }
  return node == nullptr ? nullptr : node->as_table();
}

const toml::array* TableReader::Array(std::string_view key) {
  const toml::node* node = Find(key);
  if (node != nullptr && !node->is_array()) {
    Complain(key, fmt::format("{} must be a list", key));
    return nullptr;
  }
  return node == nullptr ? nullptr : node->as_array();
}

void TableReader::Finish() {
  for (const auto& [key, value] : table_) {
    if (!known_.contains(key.str())) {
      problems_.Add(key.source(), fmt::format("{}: there is no setting '{}'; known are: {}", what_,
                                              key.str(), fmt::join(known_, ", ")));
    }
  }
}

}  // namespace pinfo

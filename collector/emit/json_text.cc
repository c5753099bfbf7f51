#include "collector/emit/json_text.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pinfo {
namespace {

bool IsAscii(char c) { return static_cast<unsigned char>(c) < 0x80; }

}  // namespace

void AppendJsonString(std::string& json, std::string_view text) {
  if (!std::ranges::all_of(text, IsAscii)) {
    json += nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/true,
                                      nlohmann::json::error_handler_t::replace);
    return;
  }
  json += '"';
  size_t copied = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c >= ' ' && c != '"' && c != '\\' && c != '\x7f') {
      continue;
    }
    json += text.substr(copied, i - copied);
    copied = i + 1;
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (c == '\n') {
      json += "\\n";
    } else {
      json += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    }
  }
  json += text.substr(copied);
  json += '"';
}

std::string JsonString(std::string_view text) {
  std::string json;
  AppendJsonString(json, text);
  return json;
}

}  // namespace pinfo

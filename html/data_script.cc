#include "html/data_script.h"

#include <algorithm>

#include "collector/emit/gzip.h"

namespace pinfo::html {

std::string ToJson(const nlohmann::json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
}

std::string DataScript(std::string_view name, const nlohmann::json& value) {
  return "pinfoData." + std::string(name) + "=" + ToJson(value) + ";\n";
}

std::string FirstDataScript(std::string_view name, const nlohmann::json& value) {
  return "window.pinfoData={};\n" + DataScript(name, value);
}

void JsonObject::AddText(std::string_view name, std::string_view json) {
  text_ += text_.empty() ? "{\"" : ",\"";
  text_ += name;
  text_ += "\":";
  text_ += json;
}

Result<std::string> PackedScript(std::string_view name, std::string_view json_text) {
  const Result<std::string> packed = Gzip(json_text);
  if (!packed) {
    return packed;
  }
  return "pinfoData." + std::string(name) + "='" + Base64(*packed) + "';\n";
}

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto byte = [bytes](size_t at) {
    return at < bytes.size() ? uint32_t{static_cast<unsigned char>(bytes[at])} : 0U;
  };
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  char* to = text.data();
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    const size_t known = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k <= known; ++k) {
      to[k] = kDigits[group >> (18 - 6 * k) & 63];
    }
    to += 4;
  }
  return text;
}

std::string ScriptString(std::string_view json_text) {
  std::string literal = "'";
  for (const char c : json_text) {
    if (c == '\\' || c == '\'') {
      literal += '\\';
    }
    literal += c;
  }
  return literal + "'";
}

int64_t Microseconds(int64_t wall_ns) { return wall_ns / 1000; }

}  // namespace pinfo::html

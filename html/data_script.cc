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

Result<std::string> PackedScript(std::string_view name, const nlohmann::json& value) {
  const Result<std::string> packed = Gzip(ToJson(value));
  if (!packed) {
    return packed;
  }
  return "pinfoData." + std::string(name) + "='" + Base64(*packed) + "';\n";
}

std::string Base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t known = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < known ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      text += k <= known ? kDigits[group >> (18 - 6 * k) & 63] : '=';
    }
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

#include "html/data_script.h"

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

// The data behind the pages, as scripts: a page opened from file:// may load a script beside it but
// may not fetch a file. The script assigns to a field of window.pinfoData; html/src/data.ts has the
// types of what the fields hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "collector/base/result.h"

namespace pinfo::html {

// JSON in ASCII: everything else is \u escaped (U+2028 among it), bytes that are not UTF-8 become
// U+FFFD.
std::string ToJson(const nlohmann::json& value);

// "pinfoData.NAME=VALUE;". REQUIRES: name is an identifier of ours; the object keys of value are,
// too (a key like __proto__ would mean something else in a script than in JSON).
std::string DataScript(std::string_view name, const nlohmann::json& value);

// The one that comes first in every page and makes window.pinfoData.
std::string FirstDataScript(std::string_view name, const nlohmann::json& value);

// An object put together of values and of JSON that is text already.
class JsonObject {
 public:
  void Add(std::string_view name, const nlohmann::json& value) { AddText(name, ToJson(value)); }
  void AddText(std::string_view name, std::string_view json);  // REQUIRES: name is one of ours
  [[nodiscard]] std::string Take() && { return std::move(text_) + (text_.empty() ? "{}" : "}"); }

 private:
  std::string text_;
};

// The same packed: "pinfoData.NAME='...';" with the JSON gzip'ed and in base64, which the page
// unfolds. For what is large and rarely opened.
Result<std::string> PackedScript(std::string_view name, std::string_view json_text);

std::string Base64(std::string_view bytes);

// The text as a script's string literal. REQUIRES: text came from ToJson.
std::string ScriptString(std::string_view json_text);

// Nanoseconds since the epoch are beyond what a script's numbers hold exactly; microseconds are
// not.
int64_t Microseconds(int64_t wall_ns);

template <typename T>
nlohmann::json OrNull(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

}  // namespace pinfo::html

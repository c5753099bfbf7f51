// JSON as text, where a document of values would cost more than all the rest.
#pragma once

#include <string>
#include <string_view>

namespace pinfo {

// The text as a JSON string, quotes included, in ASCII: everything else is \u escaped, bytes that
// are not UTF-8 become U+FFFD.
void AppendJsonString(std::string& json, std::string_view text);
std::string JsonString(std::string_view text);

}  // namespace pinfo

// The one place where text becomes part of HTML.
#pragma once

#include <string>
#include <string_view>

namespace pinfo::html {

// Safe as element content and inside a quoted attribute value. Bytes that are not UTF-8 become
// U+FFFD.
std::string EscapeHtml(std::string_view text);

}  // namespace pinfo::html

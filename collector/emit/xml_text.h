// Text within XML, as SVG needs it.
#pragma once

#include <string>
#include <string_view>

namespace pinfo {

// Fit for element content and quoted attributes, whatever the bytes: markup is escaped, what
// XML 1.0 has no character for becomes U+FFFD.
std::string XmlText(std::string_view text);

}  // namespace pinfo

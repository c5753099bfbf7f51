#include "collector/emit/xml_text.h"

#include "collector/profile/utf8.h"

namespace pinfo {

std::string XmlText(std::string_view text) {
  static constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  const std::string valid = ValidUtf8(text);
  std::string escaped;
  escaped.reserve(valid.size());
  for (size_t i = 0; i < valid.size(); ++i) {
    const char c = valid[i];
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      case '\n':
      case '\t':
        escaped += c;
        break;
      default:
        // U+FFFE and U+FFFF are no characters of XML either.
        if (std::string_view(valid).substr(i, 3) == "\xEF\xBF\xBE" ||
            std::string_view(valid).substr(i, 3) == "\xEF\xBF\xBF") {
          escaped += kReplacement;
          i += 2;
        } else if (static_cast<unsigned char>(c) < 0x20) {
          escaped += kReplacement;
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

}  // namespace pinfo

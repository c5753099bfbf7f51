#include "html/mask.h"

#include <algorithm>

namespace pinfo::html {
namespace {

constexpr std::string_view kMask = "...";

bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

std::string MaskQueryValues(std::string_view target) {
  const size_t query = target.find('?');
  if (query == std::string_view::npos) {
    return std::string(target);
  }
  std::string masked(target.substr(0, query + 1));
  std::string_view rest = target.substr(query + 1);
  while (!rest.empty()) {
    // ';' separates too: the older form that some servers still take.
    const size_t end = std::min(rest.find_first_of("&;"), rest.size());
    const std::string_view part = rest.substr(0, end);
    const size_t equals = part.find('=');
    if (equals != std::string_view::npos) {
      masked += part.substr(0, equals + 1);
    }
    if (!part.empty()) {
      masked += kMask;
    }
    if (end == rest.size()) {
      break;
    }
    masked += rest[end];
    rest.remove_prefix(end + 1);
  }
  return masked;
}

std::string Shorten(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) {
    return std::string(text);
  }
  size_t length = max_bytes;
  while (length > 0 && IsContinuation(text[length])) {
    --length;
  }
  return std::string(text.substr(0, length)) + "\u2026";
}

}  // namespace pinfo::html

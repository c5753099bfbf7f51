#include "collector/profile/utf8.h"

#include <cstddef>
#include <cstdint>

namespace pinfo {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// What the second byte may be is the only irregular part of UTF-8 (Unicode 15, table 3-7).
struct SecondByte {
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
};

SecondByte SecondByteRange(uint8_t lead) {
  switch (lead) {
    case 0xE0:
      return {.low = 0xA0};
    case 0xED:
      return {.high = 0x9F};
    case 0xF0:
      return {.low = 0x90};
    case 0xF4:
      return {.high = 0x8F};
    default:
      return {};
  }
}

size_t SequenceLength(uint8_t lead) {
  if (lead >= 0xC2 && lead <= 0xDF) {
    return 2;
  }
  if (lead >= 0xE0 && lead <= 0xEF) {
    return 3;
  }
  return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

// The length of the well-formed character at the start of the text, 0 if there is none.
size_t CharacterLength(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) {
    return lead == 0 ? 0 : 1;
  }
  const size_t length = SequenceLength(lead);
  if (length == 0 || text.size() < length) {
    return 0;
  }
  SecondByte range = SecondByteRange(lead);
  for (size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte < range.low || byte > range.high) {
      return 0;
    }
    range = {};
  }
  return length;
}

}  // namespace

std::string ValidUtf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const size_t length = CharacterLength(text);
    valid += length == 0 ? kReplacement : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return valid;
}

}  // namespace pinfo

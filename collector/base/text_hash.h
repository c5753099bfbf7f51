// A hash for caches of texts that mostly repeat, such as message heads: cheap, and good enough to
// find equal ones. Of a long text only the ends are looked at, so whoever uses it compares the
// texts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pinfo {

inline size_t HashText(std::string_view text) {
  constexpr size_t kLooked = 64;
  uint64_t hash = text.size();
  const auto add = [&hash](const char* from, size_t bytes) {
    for (size_t i = 0; i + 8 <= bytes; i += 8) {
      uint64_t word = 0;
      std::memcpy(&word, from + i, sizeof word);
      hash = (hash ^ word) * 0x9E3779B97F4A7C15U;
      hash ^= hash >> 32U;
    }
  };
  add(text.data(), std::min(text.size(), kLooked));
  if (text.size() > kLooked) {
    const size_t rest = std::min(text.size() - kLooked, kLooked);
    add(text.data() + text.size() - rest, rest);
  }
  uint64_t last = 0;  // what the steps of eight leave over
  if (const size_t left = std::min(text.size(), kLooked) % 8; left != 0) {
    std::memcpy(&last, text.data() + text.size() - left, left);
  }
  hash = (hash ^ last) * 0x9E3779B97F4A7C15U;
  return hash >> 20U;
}

}  // namespace pinfo

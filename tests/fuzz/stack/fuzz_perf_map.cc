// Any bytes as a perf map that a target writes: entries never overlap, names stay below their limit,
// and cutting the text anywhere changes nothing but what has not ended yet.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "collector/stack/perf_map.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  pinfo::PerfMap whole;
  const size_t used = whole.Add(text);
  if (used > size) {
    std::abort();
  }
  pinfo::PerfMap parts;
  const size_t first = parts.Add(text.substr(0, size / 2));
  parts.Add(text.substr(first));
  if (parts.size() != whole.size()) {
    std::abort();
  }
  for (uint64_t address = 0; address < 0x4000; address += 0x80) {
    if (whole.Find(address) != parts.Find(address)) {
      std::abort();
    }
  }
  return 0;
}

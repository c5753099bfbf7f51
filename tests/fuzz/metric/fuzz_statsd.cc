// Whatever arrives at the StatsD sockets.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "collector/metric/metric_book.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  pinfo::MetricBook book(100, 100);
  book.AddDatagram(bytes, 1'700'000'000'000'000'000);
  for (const pinfo::MetricSample& sample : book.Take(1'700'000'000'000'000'000, true)) {
    // Names and tags end in tables and pages: no control character may get that far.
    for (const char c : sample.name + sample.tags) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
        __builtin_trap();
      }
    }
  }
  return 0;
}

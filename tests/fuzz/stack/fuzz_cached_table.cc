// Any bytes as a table from the disk cache, and then as the table that leads a walk over a stack of
// such bytes: what is accepted can be looked up anywhere, and is written as it was read.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <zlib.h>

#include "collector/stack/unwind_table.h"

namespace {

// The header as ToBytes writes it: magic, key, base, counts, CRC-32 (docs/formats.md).
constexpr size_t kHeaderBytes = 40;
constexpr size_t kChecksumAt = 32;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kHeaderBytes) {
    return 0;
  }
  std::vector<std::byte> bytes(size);
  std::memcpy(bytes.data(), data, size);
  // With a right magic and checksum, which chance does not find.
  std::memcpy(bytes.data(), "pinfoUT2", 8);
  const auto checksum = static_cast<uint32_t>(
      ::crc32_z(0, data + kHeaderBytes, size - kHeaderBytes));
  std::memcpy(bytes.data() + kChecksumAt, &checksum, sizeof(checksum));
  uint64_t key = 0;
  std::memcpy(&key, bytes.data() + 8, sizeof(key));
  const auto table = pinfo::UnwindTable::FromBytes(bytes, key);
  if (!table) {
    return 0;
  }
  uint64_t base = 0;
  std::memcpy(&base, bytes.data() + 16, sizeof(base));
  for (uint64_t offset = 0; offset < 0x20000; offset += 0x31) {
    const pinfo::UnwindRule* rule = table->Find(base + offset);
    if (rule != nullptr && (rule->cfa_register >= PINFO_REGISTER_COUNT ||
                            static_cast<uint8_t>(rule->cfa) >= pinfo::kCfaKindCount)) {
      std::abort();
    }
  }
  (void)table->Find(0);
  (void)table->Find(~uint64_t{0});
  const auto again = pinfo::UnwindTable::FromBytes(table->ToBytes(key), key);
  if (!again || again->ToBytes(key) != table->ToBytes(key)) {
    std::abort();
  }
  return 0;
}

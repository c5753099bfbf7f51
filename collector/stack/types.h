// Values that the stack stages hand on: copied stack -> program counters -> named frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bpf/wire.h"
#include "collector/store/rows.h"

namespace pinfo {

// A thread's registers (DWARF numbering, bpf/wire.h) and a copy of its stack memory that begins at
// the stack pointer. Views memory it does not own.
struct StackCopy {
  std::array<uint64_t, PINFO_REGISTER_COUNT> registers{};
  std::span<const std::byte> bytes;
  bool truncated = false;  // more of the stack was in use than was copied
};

// One executable line of /proc/PID/maps.
struct Mapping {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t file_offset = 0;
  uint64_t inode = 0;
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
  std::string path;  // as in maps: "[vdso]", "", "/usr/lib/... (deleted)"
  friend bool operator==(const Mapping&, const Mapping&) = default;
};

struct UnwoundStack {
  // Innermost first; all but the first are return addresses. An address that a signal interrupted
  // is stored plus one, so that it may be treated as one too.
  std::vector<uint64_t> pcs;
  StackEnd end = StackEnd::kMissing;
};

}  // namespace pinfo

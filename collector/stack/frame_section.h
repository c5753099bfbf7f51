// Reads the entries of .eh_frame (Linux Standard Base, core specification, chapter 10.6) and
// .debug_frame (DWARF 5, section 6.4.1). Bytes are untrusted: a damaged entry ends the reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "collector/stack/byte_reader.h"

namespace pinfo {

struct FrameSection {
  std::span<const std::byte> bytes;
  uint64_t address = 0;  // where the section is loaded; for pc-relative pointers
  bool debug_frame = false;
};

// A common information entry. Views its section's bytes.
struct FrameCie {
  uint64_t code_alignment = 1;
  int64_t data_alignment = 1;
  uint64_t return_register = 0;
  uint8_t pointer_encoding = 0;  // DW_EH_PE_*
  bool has_augmentation_size = false;
  bool signal_frame = false;
  std::span<const std::byte> program;
};

// A frame description entry: the addresses [start, end) and their program. Views its section.
struct FrameFde {
  uint64_t start = 0;
  uint64_t end = 0;
  std::shared_ptr<const FrameCie> cie;
  std::span<const std::byte> program;
  uint64_t program_address = 0;  // where the program is loaded
};

// A pointer as DW_EH_PE_* encodes it, read at reader's position; address is that of the reader's
// first byte. nullopt for the encodings that occur in no code range (text-, data- and
// function-relative, indirect).
std::optional<uint64_t> ReadEncodedPointer(ByteReader& reader, uint8_t encoding, uint64_t address);

// All entries in the section's order.
std::vector<FrameFde> ReadFdes(const FrameSection& section);

}  // namespace pinfo

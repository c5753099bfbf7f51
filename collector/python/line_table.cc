#include "collector/python/line_table.h"

#include <optional>

#include "collector/stack/byte_reader.h"

namespace pinfo {
namespace {

// Lines are added up in 64 bits, so that no table can overflow them.
uint32_t ToLine(int64_t line) {
  return line > 0 && line <= INT32_MAX ? static_cast<uint32_t>(line) : 0;
}

// co_lnotab: pairs of (bytes of code, lines), the second signed. A line holds from its pair on.
uint32_t LineOfPairs(std::span<const std::byte> table, uint32_t first_line, uint32_t instruction) {
  uint64_t address = 0;
  int64_t line = first_line;
  for (size_t i = 0; i + 1 < table.size(); i += 2) {
    address += static_cast<uint8_t>(table[i]);
    if (address > instruction) {
      break;
    }
    line += static_cast<int8_t>(table[i + 1]);
  }
  return ToLine(line);
}

// co_linetable of 3.10: pairs of (bytes of code, lines), for the range that ends there; -128 lines
// is a range without a line.
uint32_t LineOfRanges(std::span<const std::byte> table, uint32_t first_line, uint32_t instruction) {
  constexpr int8_t kNoLine = -128;
  uint64_t end = 0;
  int64_t line = first_line;
  for (size_t i = 0; i + 1 < table.size(); i += 2) {
    end += static_cast<uint8_t>(table[i]);
    const auto lines = static_cast<int8_t>(table[i + 1]);
    line += lines == kNoLine ? 0 : lines;
    if (instruction < end) {
      return lines == kNoLine ? 0 : ToLine(line);
    }
  }
  return 0;
}

// Location codes of 3.11 (the four bits after an entry's leading bit).
enum LocationCode : uint8_t {
  kOneLineFirst = 10,  // 10 to 12: 0 to 2 lines further, two bytes of columns
  kOneLineLast = 12,
  kNoColumns = 13,  // a signed varint of lines
  kLong = 14,       // the same, then varints of end line and columns
  kNone = 15,       // no location
};

// Six bits a byte, the lowest first; bit 6 says that more follow.
uint64_t ReadVarint(ByteReader& reader) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 6) {
    const auto byte = reader.Read<uint8_t>();
    value |= uint64_t{byte & 0x3fu} << shift;
    if ((byte & 0x40) == 0) {
      break;
    }
  }
  return value;
}

// The sign is the lowest bit.
int64_t ReadSignedVarint(ByteReader& reader) {
  const uint64_t value = ReadVarint(reader);
  const auto magnitude = static_cast<int64_t>(value >> 1);
  return (value & 1) != 0 ? -magnitude : magnitude;
}

uint32_t LineOfLocations(std::span<const std::byte> table, uint32_t first_line,
                         uint32_t instruction) {
  constexpr uint64_t kUnitBytes = 2;
  // A line moved beyond this is damage, and the bound keeps the sum from overflowing.
  constexpr int64_t kLineMax = int64_t{1} << 40;
  ByteReader reader(table);
  uint64_t end = 0;
  int64_t line = first_line;
  while (!reader.AtEnd()) {
    const auto head = reader.Read<uint8_t>();
    if ((head & 0x80) == 0) {
      continue;  // the rest of an entry: only its first byte has the leading bit
    }
    const unsigned code = head >> 3 & 0xf;
    end += ((head & 7u) + 1) * kUnitBytes;
    if (code >= kOneLineFirst && code <= kOneLineLast) {
      line += code - kOneLineFirst;
    } else if (code == kNoColumns || code == kLong) {
      line += ReadSignedVarint(reader);
    }
    if (!reader.ok() || line > kLineMax || line < -kLineMax) {
      return 0;
    }
    if (instruction < end) {
      return code == kNone ? 0 : ToLine(line);
    }
  }
  return 0;
}

}  // namespace

uint32_t PythonLine(PythonVersion version, std::span<const std::byte> table, uint32_t first_line,
                    uint32_t instruction) {
  if (instruction == PINFO_PYTHON_NOT_STARTED) {
    return first_line;
  }
  if (version < 0x030a) {
    return LineOfPairs(table, first_line, instruction);
  }
  if (version == 0x030a) {
    return LineOfRanges(table, first_line, instruction);
  }
  return LineOfLocations(table, first_line, instruction);
}

}  // namespace pinfo

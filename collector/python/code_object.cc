#include "collector/python/code_object.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace pinfo {
namespace {

// PyObject.ob_type, PyVarObject.ob_size (also PyASCIIObject.length) and PyBytesObject.ob_sval; the
// same in every version known.
constexpr uint64_t kObjectType = 8;
constexpr uint64_t kObjectSize = 16;
constexpr uint64_t kBytesText = 32;
// PyASCIIObject.state: bits 2 to 4 are the bytes of a character, bit 5 compact, bit 6 ASCII.
constexpr uint64_t kStringState = 32;

void AppendUtf8(uint32_t character, std::string& out) {
  if (character < 0x80) {
    out += static_cast<char>(character);
  } else if (character < 0x800) {
    out += static_cast<char>(0xc0 | character >> 6);
    out += static_cast<char>(0x80 | (character & 0x3f));
  } else if (character < 0x10000) {
    out += static_cast<char>(0xe0 | character >> 12);
    out += static_cast<char>(0x80 | (character >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (character & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | character >> 18);
    out += static_cast<char>(0x80 | (character >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (character >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (character & 0x3f));
  }
}

// Zero separates texts in records; surrogates stand for undecodable bytes of file names.
uint32_t Printable(uint32_t character) {
  const bool valid =
      character != 0 && character < 0x110000 && (character < 0xd800 || character > 0xdfff);
  return valid ? character : 0xfffd;
}

template <typename Character>
std::string ToUtf8(const std::vector<std::byte>& bytes) {
  std::string text;
  for (size_t at = 0; at + sizeof(Character) <= bytes.size(); at += sizeof(Character)) {
    Character character{};
    std::memcpy(&character, bytes.data() + at, sizeof(character));
    AppendUtf8(Printable(character), text);
  }
  return text;
}

std::optional<std::string> ReadString(const ProcessMemory& memory, const PythonLayout& layout,
                                      uint64_t address) {
  const auto length = memory.ReadValue<uint64_t>(address + kObjectSize);
  const auto state = memory.ReadValue<uint32_t>(address + kStringState);
  if (!length || !state || (*state >> 5 & 1) == 0) {
    return std::nullopt;
  }
  const bool ascii = (*state >> 6 & 1) != 0;
  const uint32_t kind = *state >> 2 & 7;
  if ((kind != 1 && kind != 2 && kind != 4) || (ascii && kind != 1)) {
    return std::nullopt;
  }
  std::vector<std::byte> bytes(std::min<uint64_t>(*length, kPythonTextMax) * kind);
  if (!memory.Read(address + (ascii ? layout.ascii_bytes : layout.compact_bytes), bytes)) {
    return std::nullopt;
  }
  switch (kind) {
    case 1:
      return ToUtf8<uint8_t>(bytes);
    case 2:
      return ToUtf8<uint16_t>(bytes);
    default:
      return ToUtf8<uint32_t>(bytes);
  }
}

std::vector<std::byte> ReadBytes(const ProcessMemory& memory, uint64_t address) {
  const auto size = memory.ReadValue<uint64_t>(address + kObjectSize);
  if (!size || *size > kPythonLineTableMax) {
    return {};
  }
  std::vector<std::byte> bytes(*size);
  if (!memory.Read(address + kBytesText, bytes)) {
    bytes.clear();
  }
  return bytes;
}

}  // namespace

std::optional<PythonCode> ReadPythonCode(const ProcessMemory& memory,
                                         const Interpreter& interpreter, uint64_t address,
                                         uint32_t identity) {
  const PythonLayout& layout = interpreter.layout;
  std::array<std::byte, PINFO_PYTHON_CODE_BYTES + sizeof(uint64_t)> bytes{};
  if (!memory.Read(address, bytes)) {
    return std::nullopt;
  }
  const auto word = [&bytes](size_t offset) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    return value;
  };
  const uint64_t file = word(layout.walk.code_file);
  const uint64_t name = word(layout.walk.code_name);
  PythonCode code;
  code.version = layout.version;
  code.first_line = static_cast<uint32_t>(word(layout.walk.code_first_line));
  if (word(kObjectType) != interpreter.code_type ||
      pinfo_python_identity(file, name, code.first_line) != identity) {
    return std::nullopt;
  }
  auto file_text = ReadString(memory, layout, file);
  auto name_text = ReadString(memory, layout, name);
  if (!file_text || !name_text) {
    return std::nullopt;
  }
  code.file = std::move(*file_text);
  code.name = std::move(*name_text);
  code.line_table = ReadBytes(memory, word(layout.code_line_table));
  // What was read is of one object only if it is still there.
  if (!memory.Read(address, bytes) || word(kObjectType) != interpreter.code_type ||
      word(layout.walk.code_file) != file || word(layout.walk.code_name) != name) {
    return std::nullopt;
  }
  return code;
}

}  // namespace pinfo

#include "collector/python/interpreter.h"

#include <array>
#include <charconv>
#include <cstring>
#include <vector>

#include <elf.h>
#include <fmt/format.h>

namespace pinfo {
namespace {

struct SymbolAddresses {
  uint64_t runtime = 0;
  uint64_t code_type = 0;
  uint64_t version = 0;
};

// The text at offset of a string table, up to its zero byte.
std::string_view TextAt(const std::vector<std::byte>& strings, uint64_t offset) {
  if (offset >= strings.size()) {
    return {};
  }
  const auto* text = reinterpret_cast<const char*>(strings.data()) + offset;
  return {text, strnlen(text, strings.size() - offset)};
}

void ReadSymbols(const ElfFile& elf, std::string_view table, std::string_view names,
                 SymbolAddresses& found) {
  const ElfSection* symbols_section = elf.FindSection(table);
  const ElfSection* strings_section = elf.FindSection(names);
  if (symbols_section == nullptr || strings_section == nullptr) {
    return;
  }
  const std::vector<std::byte> symbols = elf.Contents(*symbols_section);
  const std::vector<std::byte> strings = elf.Contents(*strings_section);
  for (size_t at = 0; at + sizeof(Elf64_Sym) <= symbols.size(); at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol{};
    std::memcpy(&symbol, symbols.data() + at, sizeof(symbol));
    if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT) {
      continue;
    }
    const std::string_view name = TextAt(strings, symbol.st_name);
    if (name == "_PyRuntime") {
      found.runtime = symbol.st_value;
    } else if (name == "PyCode_Type") {
      found.code_type = symbol.st_value;
    } else if (name == "Py_Version") {
      found.version = symbol.st_value;
    }
  }
}

std::string VersionText(PythonVersion version) {
  return version == 0 ? "of unknown version" : fmt::format("{}.{}", version >> 8, version & 0xff);
}

// From 3.13 the interpreter describes itself: struct _Py_DebugOffsets at the start of _PyRuntime
// (Include/internal/pycore_runtime.h of 3.13).
constexpr std::string_view kDebugCookie = "xdebugpy";
constexpr size_t kDebugFreeThreaded = 16;
constexpr size_t kDebugInterpretersHead = 40;
constexpr size_t kDebugInterpreterNext = 64;
constexpr size_t kDebugInterpreterThreads = 72;
constexpr size_t kDebugBytes = 80;
// PyInterpreterState is about 200 KB; an offset beyond it is none.
constexpr uint64_t kInterpreterStateBytesMax = 1 << 20;

Status ApplyDebugOffsets(const ProcessMemory& memory, uint64_t runtime, PythonLayout& layout) {
  std::array<std::byte, kDebugBytes> bytes{};
  if (!memory.Read(runtime, bytes)) {
    return Fail("its state cannot be read");
  }
  const auto word = [&bytes](size_t offset) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
    return value;
  };
  if (std::memcmp(bytes.data(), kDebugCookie.data(), kDebugCookie.size()) != 0) {
    return Fail("it does not describe its state as 3.13 does");
  }
  if (word(kDebugFreeThreaded) != 0) {
    return Fail("it is a free-threaded build, whose objects are laid out in another way");
  }
  for (const size_t offset :
       {kDebugInterpretersHead, kDebugInterpreterNext, kDebugInterpreterThreads}) {
    if (word(offset) >= kInterpreterStateBytesMax) {
      return Fail("it describes its state with impossible offsets");
    }
  }
  layout.interpreters = word(kDebugInterpretersHead);
  layout.walk.interpreter_next = static_cast<pinfo_u32>(word(kDebugInterpreterNext));
  layout.walk.interpreter_threads = static_cast<pinfo_u32>(word(kDebugInterpreterThreads));
  return {};
}

}  // namespace

std::optional<InterpreterFile> FindInterpreterIn(const ElfFile& elf) {
  SymbolAddresses found;
  ReadSymbols(elf, ".dynsym", ".dynstr", found);
  if (found.runtime == 0 || found.code_type == 0) {
    ReadSymbols(elf, ".symtab", ".strtab", found);
  }
  if (found.runtime == 0 || found.code_type == 0) {
    return std::nullopt;
  }
  InterpreterFile file;
  file.runtime = found.runtime;
  file.code_type = found.code_type;
  if (found.version != 0) {
    file.version_symbol = found.version;
  }
  file.version_in_name = VersionInName(elf.path());
  return file;
}

PythonVersion VersionInName(std::string_view path) {
  constexpr std::string_view kName = "python3.";
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  const size_t at = name.find(kName);
  if (at == std::string_view::npos) {
    return 0;
  }
  const char* minor_text = name.data() + at + kName.size();
  uint8_t minor = 0;
  const auto [end, error] = std::from_chars(minor_text, name.data() + name.size(), minor);
  return error == std::errc() ? static_cast<PythonVersion>(0x0300 | minor) : PythonVersion{0};
}

Result<Interpreter> LocateInterpreter(const InterpreterFile& file, uint64_t bias,
                                      const ProcessMemory& memory) {
  PythonVersion version = file.version_in_name;
  if (file.version_symbol) {
    // PY_VERSION_HEX: major, minor, micro, level, from the highest byte of four.
    const auto value = memory.ReadValue<uint32_t>(bias + *file.version_symbol);
    version = value ? static_cast<PythonVersion>(*value >> 16) : PythonVersion{0};
  }
  const PythonLayout* known = FindPythonLayout(version);
  if (known == nullptr) {
    return Fail(fmt::format(
        "Python {} is not one that pinfo can read (3.8 to 3.13): its native frames are shown",
        VersionText(version)));
  }
  Interpreter interpreter{.layout = *known, .code_type = bias + file.code_type};
  const uint64_t runtime = bias + file.runtime;
  if (version >= 0x030d) {
    if (Status status = ApplyDebugOffsets(memory, runtime, interpreter.layout); !status) {
      return Fail(fmt::format("Python {}: {}; its native frames are shown", VersionText(version),
                              status.error().message));
    }
  }
  interpreter.layout.walk.interpreters = runtime + interpreter.layout.interpreters;
  return interpreter;
}

}  // namespace pinfo

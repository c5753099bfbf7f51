#include "collector/python/interpreter.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <span>
#include <vector>

#include <elf.h>
#include <fmt/format.h>

#include "collector/stack/elf_symbols.h"

namespace pinfo {
namespace {

struct SymbolAddresses {
  uint64_t runtime = 0;
  uint64_t code_type = 0;
  uint64_t version = 0;
};

void ReadSymbols(const ElfFile& elf, std::string_view table, std::string_view names,
                 SymbolAddresses& found) {
  ForEachSymbol(elf, table, names, STT_OBJECT, [&](const Elf64_Sym& symbol, std::string_view name) {
    if (name == "_PyRuntime") {
      found.runtime = symbol.st_value;
    } else if (name == "PyCode_Type") {
      found.code_type = symbol.st_value;
    } else if (name == "Py_Version") {
      found.version = symbol.st_value;
    }
    return true;
  });
}

std::string VersionText(PythonVersion version) {
  return version == 0 ? "of unknown version" : fmt::format("{}.{}", version >> 8, version & 0xff);
}

constexpr const char* kFreeThreaded =
    "it is a free-threaded build, whose objects are laid out in another way";
constexpr const char* kImpossible = "it describes its state with impossible offsets";

std::string NotKnown(PythonVersion version) {
  return fmt::format(
      "Python {} is not one that pinfo can read (3.8 to 3.14): its native frames are shown",
      VersionText(version));
}

std::string NotReadable(PythonVersion version, std::string_view why) {
  return fmt::format("Python {}: {}; its native frames are shown", VersionText(version), why);
}

// errno is that of the read that failed.
std::string NotReadableMemory() {
  const int why = errno;
  if (why == EPERM) {
    return "Python cannot be read in another user's process without CAP_SYS_PTRACE: its native "
           "frames are shown; run pinfo as root, or give it that capability";
  }
  return fmt::format("Python's memory cannot be read ({}): its native frames are shown",
                     std::strerror(why));
}

Status ApplyDebugOffsets(const ProcessMemory& memory, uint64_t runtime, PythonVersion version,
                         PythonLayout& layout) {
  std::array<pinfo_u64, PINFO_PYTHON_DEBUG_BYTES / sizeof(pinfo_u64)> words{};
  if (!memory.Read(runtime, std::as_writable_bytes(std::span(words)))) {
    return Fail(NotReadableMemory());
  }
  switch (pinfo_python_describe(words.data(), &layout)) {
    case PINFO_PYTHON_DESCRIBED:
      return {};
    case PINFO_PYTHON_NO_DESCRIPTION:
      return Fail(NotReadable(version, "it does not describe its state as 3.13 does"));
    case PINFO_PYTHON_NO_GIL:
      return Fail(NotReadable(version, kFreeThreaded));
    case PINFO_PYTHON_IMPOSSIBLE:
      break;
  }
  return Fail(NotReadable(version, kImpossible));
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

std::string DescribePython(PythonVersion version, unsigned state) {
  switch (static_cast<pinfo_python_state>(state)) {
    case PINFO_PYTHON_WALKED:
      return {};
    case PINFO_PYTHON_UNKNOWN_VERSION:
      return NotKnown(version);
    case PINFO_PYTHON_FREE_THREADED:
      return NotReadable(version, kFreeThreaded);
    case PINFO_PYTHON_UNREADABLE:
      return NotReadable(version, kImpossible);
    case PINFO_PYTHON_FORBIDDEN:
      return NotReadable(version, "a system call filter keeps the process from reading its memory");
  }
  return {};
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
    if (!value) {
      return Fail(NotReadableMemory());
    }
    version = static_cast<PythonVersion>(*value >> 16);
  }
  const PythonLayout* known = FindPythonLayout(version);
  if (known == nullptr) {
    return Fail(NotKnown(version));
  }
  Interpreter interpreter{.layout = *known, .code_type = bias + file.code_type};
  const uint64_t runtime = bias + file.runtime;
  if (version >= PINFO_PYTHON_SELF_DESCRIBED) {
    if (Status status = ApplyDebugOffsets(memory, runtime, version, interpreter.layout); !status) {
      return tl::unexpected(status.error());
    }
  }
  interpreter.layout.walk.interpreters = runtime + interpreter.layout.interpreters;
  return interpreter;
}

}  // namespace pinfo

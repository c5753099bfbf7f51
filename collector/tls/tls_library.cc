#include "collector/tls/tls_library.h"

#include <algorithm>
#include <cstring>
#include <map>

#include <elf.h>
#include <fmt/format.h>

#include "collector/stack/elf_symbols.h"
#include "collector/tls/return_scan.h"

namespace pinfo {
namespace {

struct Wanted {
  std::string_view name;
  pinfo_tls_function function;
  bool returns;    // its result matters
  bool essential;  // without it there are no requests
};
constexpr Wanted kWanted[] = {
    {"SSL_read", PINFO_TLS_READ, true, true},
    {"SSL_read_ex", PINFO_TLS_READ_EX, true, false},
    {"SSL_read_early_data", PINFO_TLS_READ_EARLY, true, false},
    {"SSL_write", PINFO_TLS_WRITE, true, true},
    {"SSL_write_ex", PINFO_TLS_WRITE_EX, true, false},
    {"SSL_write_ex2", PINFO_TLS_WRITE_EX2, true, false},
    {"SSL_sendfile", PINFO_TLS_SENDFILE, true, false},
    {"SSL_accept", PINFO_TLS_ACCEPT, false, false},
    {"SSL_set_accept_state", PINFO_TLS_ACCEPT, false, false},
    {"SSL_connect", PINFO_TLS_CONNECT, false, false},
    {"SSL_set_connect_state", PINFO_TLS_CONNECT, false, false},
    {"SSL_free", PINFO_TLS_FREE, false, false},
};
// The longest of these functions has some 400 bytes; a symbol that says more is not believed.
constexpr uint64_t kFunctionBytesMax = 16 << 10;

struct Symbol {
  uint64_t address = 0;
  uint64_t size = 0;
};
using Symbols = std::map<std::string_view, Symbol>;

void ReadSymbols(const ElfFile& elf, std::string_view table, std::string_view names,
                 Symbols& found) {
  ForEachSymbol(elf, table, names, STT_FUNC, [&](const Elf64_Sym& symbol, std::string_view name) {
    const auto* wanted = std::find_if(std::begin(kWanted), std::end(kWanted),
                                      [&](const Wanted& each) { return each.name == name; });
    if (wanted != std::end(kWanted)) {
      found.try_emplace(wanted->name, Symbol{symbol.st_value, symbol.st_size});
    }
    return true;
  });
}

// A jump out is harmless where it leads to another function that is probed: that one returns.
bool LeadsToProbed(const Symbols& symbols, uint64_t address) {
  return std::any_of(symbols.begin(), symbols.end(),
                     [&](const auto& each) { return each.second.address == address; });
}

Result<std::vector<uint64_t>> ReturnsOf(const ElfFile& elf, const Symbols& symbols,
                                        const Symbol& symbol) {
  if (symbol.size == 0 || symbol.size > kFunctionBytesMax) {
    return Fail(fmt::format("a size of {} bytes is not believed", symbol.size));
  }
  std::vector<std::byte> code(symbol.size);
  if (elf.ReadAddress(symbol.address, code) != code.size()) {
    return Fail("its code is not in the file");
  }
  const Result<FunctionExits> exits = FindFunctionExits(code);
  if (!exits) {
    return tl::unexpected(exits.error());
  }
  for (const int64_t jump : exits->jumps_out) {
    if (!LeadsToProbed(symbols, symbol.address + static_cast<uint64_t>(jump))) {
      return Fail(fmt::format("it goes on elsewhere, at {:+#x}", jump));
    }
  }
  if (exits->returns.empty() && exits->jumps_out.empty()) {
    return Fail("it never returns");
  }
  std::vector<uint64_t> offsets;
  for (const uint64_t at : exits->returns) {
    const auto offset = elf.OffsetOfAddress(symbol.address + at);
    if (!offset) {
      return Fail("its code is not in the file");
    }
    offsets.push_back(*offset);
  }
  return offsets;
}

}  // namespace

Result<std::optional<std::vector<TlsFunction>>> FindTlsFunctions(const ElfFile& elf) {
  Symbols symbols;
  ReadSymbols(elf, ".dynsym", ".dynstr", symbols);
  if (!symbols.contains("SSL_read")) {
    ReadSymbols(elf, ".symtab", ".strtab", symbols);
  }
  if (!symbols.contains("SSL_read") || !symbols.contains("SSL_write")) {
    return std::nullopt;
  }
  std::vector<TlsFunction> functions;
  for (const Wanted& wanted : kWanted) {
    const auto symbol = symbols.find(wanted.name);
    if (symbol == symbols.end()) {
      continue;
    }
    const auto entry = elf.OffsetOfAddress(symbol->second.address);
    Result<std::vector<uint64_t>> returns = std::vector<uint64_t>{};
    if (wanted.returns) {
      returns = ReturnsOf(elf, symbols, symbol->second);
    }
    if (!entry || !returns) {
      if (wanted.essential) {
        return Fail(fmt::format("{} cannot be probed: {}", wanted.name,
                                returns ? "its code is not in the file" : returns.error().message));
      }
      continue;
    }
    functions.push_back({.function = wanted.function,
                         .name = std::string(wanted.name),
                         .entry = *entry,
                         .returns = std::move(*returns)});
  }
  return functions;
}

bool IsTlsLibraryName(std::string_view path) {
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  return name.starts_with("libssl") || name.starts_with("libnode");
}

}  // namespace pinfo

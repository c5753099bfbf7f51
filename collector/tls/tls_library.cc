#include "collector/tls/tls_library.h"

#include <algorithm>
#include <cstring>
#include <map>

#include <elf.h>
#include <fmt/format.h>

#include "collector/stack/elf_symbols.h"

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

Status MoveToFile(const ElfFile& elf, const Symbol& symbol, ProbePlace& place) {
  const auto offset = elf.OffsetOfAddress(symbol.address + place.offset);
  if (!offset) {
    return Fail("its code is not in the file");
  }
  place.offset = *offset;
  return {};
}

Result<FunctionProbes> ReadFunction(const ElfFile& elf, const Symbol& symbol) {
  if (symbol.size == 0 || symbol.size > kFunctionBytesMax) {
    return Fail(fmt::format("a size of {} bytes is not believed", symbol.size));
  }
  std::vector<std::byte> code(symbol.size);
  if (elf.ReadAddress(symbol.address, code) != code.size()) {
    return Fail("its code is not in the file");
  }
  return FindFunctionProbes(code);
}

// wants_returns: the function is of no use unless all its returns are seen.
Result<TlsFunction> PlacesOf(const ElfFile& elf, const Symbols& symbols, const Symbol& symbol,
                             bool wants_returns) {
  TlsFunction function;
  if (Result<FunctionProbes> probes = ReadFunction(elf, symbol)) {
    for (const int64_t jump : probes->jumps_out) {
      if (wants_returns && !LeadsToProbed(symbols, symbol.address + static_cast<uint64_t>(jump))) {
        return Fail(fmt::format("it goes on elsewhere, at {:+#x}", jump));
      }
    }
    if (wants_returns && probes->returns.empty() && probes->jumps_out.empty()) {
      return Fail("it never returns");
    }
    function.entry = probes->entry;
    if (wants_returns) {
      function.returns = std::move(probes->returns);
    }
  } else if (wants_returns) {
    return tl::unexpected(probes.error());
  }
  Status status = MoveToFile(elf, symbol, function.entry);
  for (ProbePlace& place : function.returns) {
    status = status ? MoveToFile(elf, symbol, place) : status;
  }
  return status ? Result<TlsFunction>(std::move(function)) : tl::unexpected(status.error());
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
    Result<TlsFunction> function = PlacesOf(elf, symbols, symbol->second, wanted.returns);
    if (!function) {
      if (wanted.essential) {
        return Fail(fmt::format("{} cannot be probed: {}", wanted.name, function.error().message));
      }
      continue;
    }
    function->function = wanted.function;
    function->name = std::string(wanted.name);
    functions.push_back(std::move(*function));
  }
  return functions;
}

bool IsTlsLibraryName(std::string_view path) {
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  return name.starts_with("libssl") || name.starts_with("libnode");
}

}  // namespace pinfo

// Walking a symbol table of an ELF file (System V gABI, chapter 4, "Symbol Table").
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

#include <elf.h>

#include "collector/stack/elf_file.h"

namespace pinfo {

// Calls visit(symbol, name) for each symbol of this type (STT_FUNC, STT_OBJECT) that the file
// defines, until it returns false. table, names: ".symtab" and ".strtab", or ".dynsym" and
// ".dynstr"; nothing where the file lacks one. Names lie within the string table, whatever the file
// says, and live as long as the call of visit.
template <typename Visit>
void ForEachSymbol(const ElfFile& elf, std::string_view table, std::string_view names,
                   unsigned char type, Visit visit) {
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
    if (symbol.st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol.st_info) != type ||
        symbol.st_name >= strings.size()) {
      continue;
    }
    const auto* text = reinterpret_cast<const char*>(strings.data()) + symbol.st_name;
    if (!visit(symbol, std::string_view(text, strnlen(text, strings.size() - symbol.st_name)))) {
      return;
    }
  }
}

}  // namespace pinfo

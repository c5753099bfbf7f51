// The function symbols of one ELF file (System V gABI chapter 4, "Symbol Table"). An address gets a
// name only where a symbol covers it: a wrong neighbour is worse than none. A plain value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/stack/elf_file.h"

namespace pinfo {

struct SymbolName {
  std::string_view name;  // as in the file; valid as long as the table
  uint64_t start = 0;
};

class SymbolTable {
 public:
  // Adds the symbols of a file: .symtab, .dynsym and, as "name@plt", the entries of its .plt
  // sections. A separate debug file is added after the file it belongs to.
  void Add(const ElfFile& file);

  // Call once after the last Add.
  void Finish();

  // The innermost symbol that covers address. One of size zero (assembler code) covers up to the
  // next symbol or its section's end, and only where it comes from a full .symtab: in a stripped
  // file the next symbol may be missing.
  [[nodiscard]] std::optional<SymbolName> Find(uint64_t address) const;

  [[nodiscard]] size_t size() const { return symbols_.size(); }

 private:
  struct Symbol {
    uint64_t start = 0;
    uint64_t end = 0;
    uint32_t name = 0;      // in names_
    uint16_t rank = 0;      // the least is the best name for its range
    bool measured = false;  // end comes from the symbol's own size
  };

  void AddSection(const ElfFile& file, const ElfSection& section);
  void AddPlt(const ElfFile& file);
  void AddSymbol(uint64_t start, uint64_t end, bool measured, uint16_t rank, std::string_view name);
  [[nodiscard]] std::string_view NameOf(const Symbol& symbol) const;
  [[nodiscard]] bool IsBetter(const Symbol& a, const Symbol& b) const;

  std::vector<Symbol> symbols_;         // sorted by start
  std::vector<uint64_t> furthest_end_;  // of symbols_[0..i]
  std::string names_;                   // each followed by a zero byte
};

}  // namespace pinfo

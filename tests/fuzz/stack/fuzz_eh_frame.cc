// Any bytes as an ELF file: its headers, call frame information and symbols. What is built from
// them must also survive being written and read back.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "collector/stack/elf_file.h"
#include "collector/stack/symbol_table.h"
#include "collector/stack/unwind_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  (void)pinfo::UnwindTable::FromBytes(bytes, 0);
  const auto file = pinfo::ElfFile::FromBytes({bytes.begin(), bytes.end()}, "fuzz");
  if (!file) {
    return 0;
  }
  const auto table = pinfo::UnwindTable::Build(**file);
  const auto stored = table.ToBytes(0);
  const auto loaded = pinfo::UnwindTable::FromBytes(stored, 0);
  if (!loaded || loaded->ToBytes(0) != stored) {
    std::abort();
  }
  pinfo::SymbolTable symbols;
  symbols.Add(**file);
  symbols.Finish();
  for (const pinfo::ElfSegment& segment : (*file)->segments()) {
    (void)table.Find(segment.address);
    (void)symbols.Find(segment.address);
  }
  return 0;
}

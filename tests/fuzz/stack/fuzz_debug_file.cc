// Any bytes as an ELF file on disk: its debug link, its embedded symbols and its DWARF, as the
// symbolizer reads them.
#include <cstdint>
#include <cstdlib>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collector/stack/debug_file.h"
#include "collector/stack/debug_info.h"
#include "collector/stack/symbol_table.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int file = ::memfd_create("fuzz", MFD_CLOEXEC);
  if (::ftruncate(file, 0) != 0 || ::pwrite(file, data, size, 0) != static_cast<ssize_t>(size)) {
    std::abort();
  }
  const auto elf = pinfo::ElfFile::Open(pinfo::UniqueFd(::dup(file)), "/nowhere/fuzz");
  if (!elf) {
    return 0;
  }
  (void)pinfo::FindDebugFile(**elf, "/nowhere");
  if (const auto embedded = pinfo::ReadEmbeddedSymbols(**elf)) {
    pinfo::SymbolTable symbols;
    symbols.Add(*embedded);
    symbols.Finish();
  }
  if (const auto debug = pinfo::DebugInfo::Open(**elf)) {
    for (const pinfo::ElfSegment& segment : (*elf)->segments()) {
      for (uint64_t at = 0; at < 0x400; at += 0x11) {
        (void)debug->Find(segment.address + at);
      }
    }
  }
  return 0;
}

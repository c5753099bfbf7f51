// Separate debug files: where distributions put symbols and DWARF of stripped files (GDB manual,
// "Debugging Information in Separate Files").
#pragma once

#include <memory>
#include <string>

#include "collector/stack/elf_file.h"

namespace pinfo {

// The debug file of file, by build id (/usr/lib/debug/.build-id/ab/cdef.debug) or .gnu_debuglink,
// below root first and then in this machine's own directories. Only one that proves to belong to
// file is returned (equal build ids, or the link's CRC-32); otherwise nullptr.
std::unique_ptr<ElfFile> FindDebugFile(const ElfFile& file, const std::string& root);

// The symbols of local functions that a stripped file carries in its .gnu_debugdata section, an
// xz-compressed ELF file (GDB manual, "Debugging information in a special section"); nullptr where
// there are none, or where they are damaged or inflate beyond kMaxEmbeddedBytes.
std::unique_ptr<ElfFile> ReadEmbeddedSymbols(const ElfFile& file);

inline constexpr size_t kMaxEmbeddedBytes = size_t{64} << 20;

}  // namespace pinfo

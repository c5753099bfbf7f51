// The DWARF of one file: which functions, inlined ones included, and which source lines an address
// stands for. The only user of libdw. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "collector/stack/elf_file.h"

namespace pinfo {

struct SourceFrame {
  std::string name;  // linkage name, otherwise with its scopes; empty where unknown
  std::string file;  // where the function is declared
  int32_t function_line = 0;
  int32_t line = 0;  // where it was executing; 0 where that is not in file, or unknown
  bool inlined = false;
};

class DebugInfo {
 public:
  // nullptr where file has no DWARF. file must outlive the result.
  static std::unique_ptr<DebugInfo> Open(const ElfFile& file);
  ~DebugInfo();

  // What Open would read of the file into memory, about; 0 where it has no DWARF.
  static uint64_t BytesOf(const ElfFile& file);
  // What is in memory by now, about: it grows with every unit that is looked into.
  [[nodiscard]] uint64_t bytes() const;

  // Innermost first; the last is the function that the code belongs to. Empty where no unit covers
  // the address.
  std::vector<SourceFrame> Find(uint64_t address);

 private:
  struct Impl;
  explicit DebugInfo(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pinfo

// One ELF file as loaded somewhere, shared by every process that maps it, and the cache of them.
// One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/base/ids.h"
#include "collector/stack/elf_file.h"
#include "collector/stack/table_cache.h"
#include "collector/stack/types.h"
#include "collector/stack/unwind_table.h"

namespace pinfo {

// A mapping's path without the " (deleted)" that the kernel adds.
std::string_view MappedPath(const Mapping& mapping);

class Module {
 public:
  Module(uint32_t id, std::string path, std::string root, std::unique_ptr<ElfFile> elf,
         const TableCache& tables)
      : id_(id),
        path_(std::move(path)),
        root_(std::move(root)),
        elf_(std::move(elf)),
        tables_(tables) {}
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // Never reused while its cache lives.
  [[nodiscard]] uint32_t id() const { return id_; }
  // As in maps, without " (deleted)".
  [[nodiscard]] const std::string& path() const { return path_; }
  // Root directory of the process in which it was first seen; its debug files lie below it.
  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] const ElfFile& elf() const { return *elf_; }
  // Loaded at the first call.
  [[nodiscard]] const UnwindTable& table() const {
    return table_ != nullptr ? *table_ : LoadTable();
  }
  // count bytes of memory as the file defines them at an address of the file; what was read.
  // Remembers the call frame sections, which libunwind reads in small pieces.
  size_t ReadMemory(uint64_t address, std::span<std::byte> out) const;

 private:
  struct Block {
    uint64_t address = 0;
    std::vector<std::byte> bytes;
  };

  const UnwindTable& LoadTable() const;

  uint32_t id_;
  std::string path_;
  std::string root_;
  std::unique_ptr<ElfFile> elf_;
  const TableCache& tables_;
  mutable std::unique_ptr<UnwindTable> table_;
  mutable std::vector<Block> frame_sections_;
};

// Owned by the pipeline; outlives every AddressSpace. A file is identified by its build id and
// path, or by device, inode, time and size where it has no build id.
class ModuleCache {
 public:
  // this_boot: the processes are, or were, this machine's since it was started. Otherwise (a
  // recording of elsewhere) nothing is asked of processes, whose numbers are others' here.
  explicit ModuleCache(std::string table_directory = TableCache::DefaultDirectory(),
                       bool this_boot = true)
      : tables_(std::move(table_directory)), this_boot_(this_boot) {}

  // The module behind a mapping of a process with this root directory (empty: this process's own).
  // A file replaced or deleted since is recognised by the kernel's link to it, by the build id in
  // the process's memory, or by its inode, whichever can be had.
  // nullptr where there is no ELF file behind it or it cannot be read any more: anonymous memory, a
  // file replaced since it was mapped, an ended process.
  std::shared_ptr<Module> Load(Pid pid, const std::string& root, const Mapping& mapping);

  [[nodiscard]] size_t size() const { return modules_.size(); }

 private:
  using Key = std::pair<std::string, FileIdentity>;

  [[nodiscard]] Result<std::unique_ptr<ElfFile>> Open(Pid pid, const std::string& root,
                                                      const Mapping& mapping,
                                                      const std::string& path) const;

  TableCache tables_;
  bool this_boot_;
  std::map<Key, std::shared_ptr<Module>> modules_;
};

}  // namespace pinfo

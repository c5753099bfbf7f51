// Unwind tables on disk, one file a build id, so that a table is built once a machine. Losing the
// cache costs time only: what is missing, damaged, another's or not writable is built again,
// silently.
//
// What is read is not believed: file and directory must belong to this user (or root) and be
// writable by nobody else, the table must be whole, and be made of the very bytes that the ELF file
// holds (a build id is chosen by whoever built the file). Files appear by rename, so that several
// pinfos may share a directory. It is kept below a total size, the longest unused going first.
#pragma once

#include <cstdint>
#include <string>

#include "collector/base/unique_fd.h"
#include "collector/stack/elf_file.h"
#include "collector/stack/unwind_table.h"

namespace pinfo {

class TableCache {
 public:
  static constexpr uint64_t kUsualMaxBytes = uint64_t{256} << 20;

  // An empty directory means no cache. It is created when first needed, readable by its owner only.
  explicit TableCache(std::string directory, uint64_t max_bytes = kUsualMaxBytes)
      : directory_(std::move(directory)), max_bytes_(max_bytes) {}

  // /var/cache/pinfo for root, otherwise $XDG_CACHE_HOME/pinfo or ~/.cache/pinfo; empty where there
  // is no such place. Root's does not depend on the environment: sudo may keep another user's.
  static std::string DefaultDirectory();

  // The file's table, as UnwindTable::Build makes it, from the cache where it is there, otherwise
  // built and put there.
  [[nodiscard]] UnwindTable Get(const ElfFile& file, const ElfFile* debug_file = nullptr) const;

 private:
  [[nodiscard]] UniqueFd OpenDirectory() const;
  void Put(int directory, const std::string& name, std::span<const std::byte> bytes) const;
  void Trim(int directory) const;

  std::string directory_;
  uint64_t max_bytes_;
};

}  // namespace pinfo

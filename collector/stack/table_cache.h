// Unwind tables on disk, one file a build id, so that a table is built once a machine. Losing the
// cache costs time only: what is missing, damaged or not writable is built again, silently.
#pragma once

#include <optional>
#include <string>

#include "collector/stack/elf_file.h"
#include "collector/stack/unwind_table.h"

namespace pinfo {

class TableCache {
 public:
  // An empty directory means no cache. It is created when first needed, readable by its owner only.
  explicit TableCache(std::string directory) : directory_(std::move(directory)) {}

  // /var/cache/pinfo for root, otherwise $XDG_CACHE_HOME/pinfo or ~/.cache/pinfo; empty where there
  // is no such place. Root's does not depend on the environment: sudo may keep another user's.
  static std::string DefaultDirectory();

  // The file's table, from the cache where it is there, otherwise built and put there.
  [[nodiscard]] UnwindTable Get(const ElfFile& file) const;

 private:
  [[nodiscard]] std::string PathOf(const ElfFile& file) const;

  std::string directory_;
};

}  // namespace pinfo

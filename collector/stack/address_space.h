// What is executable where in one process. One thread; the ModuleCache outlives it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/wire.h"
#include "collector/base/ids.h"
#include "collector/stack/module.h"
#include "collector/stack/types.h"

namespace pinfo {

// Where a program counter lies. Valid until the address space changes.
struct CodeLocation {
  const Mapping* mapping = nullptr;
  const Module* module = nullptr;  // nullptr: no readable ELF file there
  uint64_t address = 0;  // in the module's ELF file; without a module, the offset in the file
  uint64_t bias = 0;     // address in the process minus address in the ELF file
};

class AddressSpace {
 public:
  // root is the process's root directory as seen from here.
  AddressSpace(ModuleCache& modules, Pid pid);
  AddressSpace(ModuleCache& modules, Pid pid, std::string root);

  [[nodiscard]] Pid pid() const { return pid_; }
  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] bool empty() const { return entries_.empty(); }

  // An executable mapping; replaces what lay in its range.
  void Add(const Mapping& mapping);
  // One PINFO_RECORD_MAPPING with its path: honours PINFO_MAPPING_RESET, and a mapping that is not
  // executable only replaces.
  void Apply(const pinfo_mapping& record, std::string_view path);
  void Clear() { entries_.clear(); }
  // Replaces everything by what /proc/PID/maps says now.
  Status Refresh();

  // The same mappings for a child of fork.
  [[nodiscard]] AddressSpace Fork(Pid child) const;

  // location.mapping is nullptr where nothing is mapped at pc. The mapping's file is opened at the
  // first look-up into it.
  [[nodiscard]] CodeLocation Find(uint64_t pc) const;

 private:
  // A mapping and its module, shared between forks; loaded at most once.
  struct Region {
    Mapping mapping;
    bool loaded = false;
    std::shared_ptr<Module> module;
  };
  struct Entry {
    uint64_t start = 0;
    uint64_t end = 0;
    std::shared_ptr<Region> region;
  };

  void Remove(uint64_t start, uint64_t end);

  ModuleCache* modules_;
  Pid pid_;
  std::string root_;
  std::vector<Entry> entries_;  // sorted, without overlaps
};

}  // namespace pinfo

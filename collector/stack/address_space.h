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
  void Clear() {
    entries_.clear();
    before_.clear();
    last_found_ = kNothingFound;
  }
  // Replaces everything by what /proc/PID/maps says now.
  Status Refresh();

  // The same mappings for a child of fork.
  [[nodiscard]] AddressSpace Fork(Pid child) const;

  // location.mapping is nullptr where nothing is mapped at pc. The mapping's file is opened at the
  // first look-up into it.
  [[nodiscard]] CodeLocation Find(uint64_t pc) const {
    // Frames of a stack often follow each other in one module.
    if (last_found_ < entries_.size() && pc >= entries_[last_found_].start &&
        pc < entries_[last_found_].end) {
      return entries_[last_found_].region->Locate(pc);
    }
    return FindElsewhere(pc);
  }

 private:
  // A mapping and its module, shared between forks; loaded at most once.
  struct Region {
    void Load(ModuleCache& modules, Pid pid, const std::string& root);
    [[nodiscard]] CodeLocation Locate(uint64_t pc) const {
      if (pc >= code_start && pc < code_end) {
        return {&mapping, module.get(), pc - bias, bias};
      }
      return LocateBySegment(pc);
    }
    [[nodiscard]] CodeLocation LocateBySegment(uint64_t pc) const;

    Mapping mapping;
    bool loaded = false;
    std::shared_ptr<Module> module;
    // Where one segment alone lies behind [code_start, code_end) of the mapping's process: the
    // address in the ELF file is the one in the process minus bias.
    uint64_t code_start = 0;
    uint64_t code_end = 0;
    uint64_t bias = 0;
  };
  struct Entry {
    uint64_t start = 0;
    uint64_t end = 0;
    std::shared_ptr<Region> region;
  };

  void Remove(uint64_t start, uint64_t end);
  [[nodiscard]] std::shared_ptr<Region> RegionFor(const Mapping& mapping) const;
  [[nodiscard]] CodeLocation FindElsewhere(uint64_t pc) const;

  ModuleCache* modules_;
  Pid pid_;
  std::string root_;
  std::vector<Entry> entries_;  // sorted, without overlaps
  std::vector<Entry> before_;   // those of before the last reset: most come back the same
  static constexpr size_t kNothingFound = SIZE_MAX;
  mutable size_t last_found_ = kNothingFound;  // an entry whose region is loaded
};

}  // namespace pinfo

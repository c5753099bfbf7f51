// Program counters -> named frames. Deterministic: the same file and address give the same frames
// in every process and run. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "collector/base/ids.h"
#include "collector/stack/address_space.h"
#include "collector/stack/perf_map.h"
#include "collector/store/rows.h"

namespace pinfo {

class DebugInfo;

class Symbolizer {
 public:
  // DWARF of at most about max_debug_bytes is held at one time: what was not used for longest is
  // closed, to be read again when it is wanted. Of a file that has more, names come from symbols.
  explicit Symbolizer(uint64_t max_debug_bytes = uint64_t{96} << 20);
  ~Symbolizer();

  // The frames at pc, innermost first: the functions inlined there, then the function itself; never
  // empty. is_return_address: what counts is the call before pc. Valid until the next call.
  //
  // The function is named by its ELF symbol, otherwise by DWARF; files and lines are DWARF's. What
  // no symbol covers is called "module+0x1234" with the address in the ELF file (for a file that
  // cannot be read, the offset in it). Code in anonymous memory is named by the process's perf map
  // (module "[jit]") or else "[unknown]".
  std::span<const FrameRow> Symbolize(const AddressSpace& space, uint64_t pc,
                                      bool is_return_address);

  // Changes whenever code of the process's perf map does, which is looked at once a second: names
  // of just-in-time compiled code hold as long as this does. 0 where there is no such code.
  uint64_t CodeVersion(const AddressSpace& space);

  // A process has ended, or replaced its program: its perf map is forgotten.
  void Forget(Pid pid) { perf_maps_.erase(pid); }

 private:
  struct ModuleNames;
  struct ProcessMap {
    PerfMap map;
    uint64_t misses = 0;
    std::chrono::steady_clock::time_point read_at{};
  };
  using Frames = std::vector<FrameRow>;

  ModuleNames& NamesOf(const Module& module);
  DebugInfo* DebugInfoOf(ModuleNames& names);
  void CloseUnusedDebugInfo();
  Frames FindInModule(const CodeLocation& at);
  Frames FindInPerfMap(const AddressSpace& space, uint64_t pc);

  std::unordered_map<uint32_t, std::unique_ptr<ModuleNames>> modules_;  // by Module::id
  std::unordered_map<Pid, ProcessMap> perf_maps_;
  uint64_t max_debug_bytes_;
  uint64_t debug_uses_ = 0;
  size_t cached_ = 0;
  Frames uncached_;
};

}  // namespace pinfo

// Sample records -> named stacks: unwinds the copied stack, names its frames, remembers both.
//
// A sample with Python frames becomes a stack of these alone, as Python's own profilers show it:
// the time of native code counts for the Python function that called it. Where it waits in a call
// of a native library (sqlite3_step), that call is its innermost frame. With native_python the
// native frames stay, and Python's stand where the interpreter evaluated them. The kernel's
// functions, where a sample has them, are innermost and marked: "tcp_recvmsg_[k]". What the
// preloaded library does is not shown, but the calls that it stands in front of are.
//
// One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "collector/pipeline/process_table.h"
#include "collector/source/record.h"
#include "collector/stack/kernel_symbols.h"
#include "collector/stack/symbolizer.h"
#include "collector/stack/unwinder.h"
#include "collector/store/rows.h"

namespace pinfo {

struct ResolvedStack {
  std::vector<FrameRow> root_first;
  StackEnd end = StackEnd::kMissing;
};

class StackResolver {
 public:
  explicit StackResolver(bool native_python) : native_python_(native_python) {}

  // REQUIRES: a KERNEL_FUNCTION record. What no such record named is one frame, "[kernel]".
  void LearnKernelFunction(const RecordView& record);

  // REQUIRES: a SAMPLE record of this process.
  std::shared_ptr<const ResolvedStack> Resolve(const RecordView& record, TrackedProcess& process);

  // The process's entry goes away.
  void Forget(const TrackedProcess& process);

 private:
  // What was captured of a stack: native program counters, Python frames, or both.
  using Key = std::vector<uint64_t>;
  struct PerProcess {
    uint64_t maps_version = 0;
    uint64_t program_version = 0;
    uint64_t code_version = 0;  // of just-in-time compiled code
    std::map<Key, std::shared_ptr<const ResolvedStack>> stacks;
  };

  [[nodiscard]] std::optional<FrameRow> WaitCall(const UnwoundStack& unwound,
                                                 const TrackedProcess& process);
  ResolvedStack Name(const UnwoundStack& unwound, std::span<const pinfo_python_frame> python,
                     const TrackedProcess& process, bool& all_known);

  void AddKernel(std::span<const uint64_t> innermost_first, std::vector<FrameRow>& root_first);

  bool native_python_;
  std::map<uint64_t, KernelFunction> kernel_;  // by end
  Unwinder unwinder_;
  Symbolizer symbolizer_;
  std::map<const TrackedProcess*, PerProcess> known_;
};

}  // namespace pinfo

// Test help: copies of stacks of this process and of a stopped one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <sys/types.h>
#include <ucontext.h>

#include "collector/stack/types.h"

namespace pinfo {

// A StackCopy and the memory that it views.
struct CapturedStack {
  std::array<uint64_t, PINFO_REGISTER_COUNT> registers{};
  std::vector<std::byte> memory;
  bool truncated = false;

  [[nodiscard]] StackCopy View() const { return {registers, memory, truncated}; }
};

// The caller's registers and its stack up to the stack's end, at most limit bytes.
CapturedStack CaptureSelf(size_t limit = 1 << 20);

// The same for registers saved elsewhere on this thread's stack.
CapturedStack CaptureFrom(const ucontext_t& context, size_t limit = 1 << 20);

// A process stopped by PTRACE_ATTACH or PTRACE_INTERRUPT of this thread.
CapturedStack CaptureStopped(pid_t pid, size_t limit = 1 << 20);

}  // namespace pinfo

// Where in a function's machine code a probe sees it begin and return. One file an architecture.
//
// The obvious places are its first instruction and its `ret`. The kernel executes the instruction
// below a probe out of line and single-steps it, but for a few that it emulates (x86: push of a
// register, near relative jumps on a condition, nop; arch/x86/kernel/uprobes.c of Linux 4.18 and
// newer, branch_setup_xol_ops and push_setup_xol_ops). A step costs a debug exception, on many
// virtual machines an exit to the hypervisor: ten times the rest. So a place is moved to such an
// instruction where the code proves that it sees the same: the arguments still in their registers,
// or the result already in its own, each once a call, with a stack pointer that is a known number
// of bytes below what it was at the entry. An emulated call would be a place, too, but is left
// alone: it leaves out the shadow stack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "collector/base/result.h"

namespace pinfo {

struct ProbePlace {
  uint64_t offset = 0;  // of an instruction in the code
  // What the stack pointer is below its value at the function's entry, which is that at its `ret`,
  // before the instruction is executed: bytes.
  uint32_t stack_bytes = 0;
  friend bool operator==(const ProbePlace&, const ProbePlace&) = default;
};

struct FunctionProbes {
  ProbePlace entry;
  std::vector<ProbePlace> returns;
  // Offsets, from the code's beginning and outside of it, to which it jumps instead of returning: a
  // call in tail position, or a part that the compiler has put elsewhere.
  std::vector<int64_t> jumps_out;
};

// Reads the whole function. Fails, with what is in the way, where the code cannot be followed with
// certainty: bytes that are no instruction, a jump into the middle of one or to a computed place.
Result<FunctionProbes> FindFunctionProbes(std::span<const std::byte> code);

}  // namespace pinfo

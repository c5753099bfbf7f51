// Where a function of machine code returns. One file an architecture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "collector/base/result.h"

namespace pinfo {

struct FunctionExits {
  std::vector<uint64_t> returns;  // offsets of return instructions in the code
  // Offsets, from the code's beginning and outside of it, to which it jumps instead of returning: a
  // call in tail position, or a part that the compiler has put elsewhere.
  std::vector<int64_t> jumps_out;
};

// Reads the whole function. Fails, with what is in the way, where the code cannot be followed with
// certainty: bytes that are no instruction, a jump into the middle of one or to a computed place.
Result<FunctionExits> FindFunctionExits(std::span<const std::byte> code);

}  // namespace pinfo

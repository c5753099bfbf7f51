// Reads stats files: pinfo's own and those of Python's cProfile and profile. The input is hostile
// until shown otherwise: bad bytes give an error that says where, never a crash or an outsized
// allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "collector/base/result.h"
#include "collector/profile/call_graph.h"

namespace pinfo {

inline constexpr size_t kMaxStatsFileBytes = size_t{256} << 20;

// The order of the functions: that in which they are first named, as keys or as callers
// (gprof2dot's), or all keys in the file's order before callers that are none (pstats').
enum class FunctionOrder : uint8_t { kFirstNamed, kKeys };

// calls_are_samples is set where one of the functions is a frame that only pinfo writes.
Result<CallGraph> DecodePstats(std::string_view bytes,
                               FunctionOrder order = FunctionOrder::kFirstNamed);

// DecodePstats of a file; errors name it.
Result<CallGraph> ReadStatsFile(const std::string& path);

}  // namespace pinfo

// Durations as people write them on the command line: "250us", "50ms", "5s", "10m", "2h", "1d".
#pragma once

#include <cstdint>
#include <string_view>

#include "collector/base/result.h"

namespace pinfo {

// Nanoseconds. A number (a decimal fraction is allowed: "1.5s") and one of the units ns, us, ms, s,
// m, h, d; nothing else, no sign. Fails on anything else and beyond 290 years.
Result<int64_t> ParseDuration(std::string_view text);

}  // namespace pinfo

// Thresholds as people write them: "250ms", "512MiB", "5%", "1.5k" or a plain number.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "collector/base/result.h"

namespace pinfo {

// What a monitor's figures are measured in. kPlain: numbers of a unit of their own.
enum class Dimension : uint8_t { kPlain, kSeconds, kBytes, kPercent };

// In the dimension's base unit. Bytes know kB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB, TiB;
// seconds the units of durations; percent "%". Fails on any other unit.
Result<double> ParseQuantity(std::string_view text, Dimension dimension);

}  // namespace pinfo

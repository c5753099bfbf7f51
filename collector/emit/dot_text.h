// The words of DOT files as gprof2dot writes them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "collector/emit/dot_theme.h"

namespace pinfo {

// An identifier or attribute value, quoted where DOT wants that.
std::string DotId(std::string_view text);
std::string DotPercentage(double share);  // "12.34%"
std::string DotSeconds(int64_t ns);       // gprof2dot's %.7g
std::string DotCalls(int64_t calls);      // the number and a multiplication sign

// The head of the digraph; node_extra: attributes of all nodes that come before style.
std::string DotHead(DotTheme theme, const ThemeStyle& style, std::string_view node_extra);

}  // namespace pinfo

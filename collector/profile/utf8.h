// Names come out of ELF files, perf maps and other people's profiles: any bytes. Everything pinfo
// writes from them (pstats, DOT, JSON, HTML) must be UTF-8, and pstats refuses a whole file for one
// bad string.
#pragma once

#include <string>
#include <string_view>

namespace pinfo {

// The text with every byte that is not part of well-formed UTF-8 (RFC 3629: shortest form, no
// surrogates), and every NUL, replaced by U+FFFD.
std::string ValidUtf8(std::string_view text);

}  // namespace pinfo

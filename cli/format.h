// Figures and texts as commands print them. Pure: no I/O.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "collector/base/result.h"

namespace pinfo::cli {

// Three significant digits and the unit that fits: "812 ns", "48.2 ms", "3.00 s".
std::string FormatDuration(int64_t ns);

// How long something has lived: the same up to a minute, then "5 min 3 s", "3 h 12 min", "4 d 7 h".
std::string FormatAge(int64_t ns);

// Powers of 1024: "80 B", "4.00 KiB".
std::string FormatBytes(int64_t bytes);

// Whole percent; below one, two digits of it: "31%", "0.42%". REQUIRES: whole > 0.
std::string FormatPercent(int64_t part, int64_t whole);

// The local time, to the millisecond: "2026-01-31 09:05:00.250".
std::string FormatLocalTime(int64_t wall_ns);

// RFC 3339 in UTC, to the microsecond: "2026-01-31T08:05:00.250000Z".
std::string FormatRfc3339(int64_t wall_ns);

// Text from the network or another process, fit for a terminal: control characters (C0, DEL, C1)
// and the ones that reorder a line (Unicode's bidirectional controls) become \xHH or \uHHHH, bytes
// that are not UTF-8 U+FFFD.
std::string EscapeForTerminal(std::string_view text);

// A moment: a duration ("10m") before now, or a date and time as in RFC 3339, in local time where
// it has no offset, from "2026-01-31" to "2026-01-31T09:05:00.25+01:00" (a space for T will do).
Result<int64_t> ParseMoment(std::string_view text, int64_t now_wall_ns);

}  // namespace pinfo::cli

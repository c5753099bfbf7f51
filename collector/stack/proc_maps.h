// /proc/PID/maps (proc(5)): which file, or which anonymous memory, is executable where.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "collector/base/ids.h"
#include "collector/base/result.h"
#include "collector/stack/types.h"

namespace pinfo {

// One line without its newline, whatever its permissions; nullopt where it is none.
struct MapsLine {
  Mapping mapping;
  bool executable = false;
};
std::optional<MapsLine> ParseMapsLine(std::string_view line);

// The executable mappings in the text of a maps file, in its order. Lines that cannot be read are
// left out.
std::vector<Mapping> ParseMaps(std::string_view text);

// The executable mappings of a process now. Fails where it has ended or may not be read.
Result<std::vector<Mapping>> ReadProcMaps(Pid pid);

}  // namespace pinfo

// Which fields of a request's head are kept: those that tell what was asked for and by what, and
// hold no secret. Of those that do, only that they were there. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "collector/store/rows.h"

namespace pinfo {

// In the order they were sent. head: as captured; a line cut off at its end is left out. Values are
// shortened to 300 bytes.
std::vector<HeaderRow> KeptHeaders(std::string_view head);

}  // namespace pinfo

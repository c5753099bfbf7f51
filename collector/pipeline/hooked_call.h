// What a stack shows of the preloaded library (libpinfo.so): the calls that it stands in front of,
// by the names under which the application calls them, and nothing of what it does inside. Pure.
#pragma once

#include <vector>

#include "collector/python/frame_merge.h"

namespace pinfo {

// Innermost first. Of each run of the library's own functions only the outermost is kept, which is
// the call, such as "read", without a source line: the application has none of it.
void KeepHookedCalls(std::vector<NativeStep>& native);

}  // namespace pinfo

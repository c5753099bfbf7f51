// Speedscope's file format (www.speedscope.app/file-format-schema.json): opens at speedscope.app or
// in its own copy, without an upload.
#pragma once

#include <string>

#include "collector/emit/pprof.h"
#include "collector/profile/call_tree.h"

namespace pinfo {

// One "sampled" profile of all time, whose weights add up to the tree's total, then one for each
// kind of time there is, if there are several. Unit: nanoseconds.
std::string EncodeSpeedscope(const CallTree& tree, const ProfileTitle& title);

}  // namespace pinfo

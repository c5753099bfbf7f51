// Control groups by the path that /proc/PID/cgroup shows, in whichever hierarchies are mounted
// below /sys/fs/cgroup: cgroup v2 alone, v1, or both.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collector/base/ids.h"

namespace pinfo {

// "/sys/fs/cgroup/web" and "web" as "/web"; also with a hierarchy's own mount point in front.
std::string NormalizeCgroup(std::string_view path);

// Whether the process is in the group or below it. REQUIRES: a normalized path.
bool InCgroup(Pid pid, std::string_view group);

// The group's directory in the cgroup v2 hierarchy; empty while there is none.
std::string CgroupV2Directory(std::string_view group);

// Every process in the group or below it, in any hierarchy, each once. Empty while there is no such
// group.
std::vector<Pid> CgroupProcesses(std::string_view group);

}  // namespace pinfo

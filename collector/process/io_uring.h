// What a process does by io_uring, which no function of libc and no system call tells of.
#pragma once

#include <cstdint>

#include "collector/base/ids.h"

namespace pinfo {

// Operations of any kind that the process's rings have completed since they were made, by
// /proc/PID/fdinfo (CqTail of io_uring/fdinfo.c); 0 where that may not be read. Looks at each of
// its descriptors.
uint64_t CountUringOperations(Pid pid);

}  // namespace pinfo

// The records of /proc figures as rows of the store. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "bpf/wire.h"
#include "collector/store/rows.h"

namespace pinfo {

// Without the process, which has its id once it is stored.
StatusRow StatusRowOf(const pinfo_status& record, int64_t wall_ns);

SystemRow SystemRowOf(const pinfo_system& record, std::string host, int64_t wall_ns);

}  // namespace pinfo

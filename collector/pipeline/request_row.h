// A served request as the row that is stored of it.
#pragma once

#include <cstdint>

#include "collector/request/assembler.h"
#include "collector/request/route.h"
#include "collector/store/rows.h"

namespace pinfo {

// Everything but id, process, samples, weight, profiled and stats_file. Takes the request's texts.
void FillRow(ServedRequest& request, int64_t start_wall_ns, RouteFolder& routes, RequestRow& row);

}  // namespace pinfo

// Stats files: what `python -m pstats`, gprof2dot and snakeviz open.
//
// One marshal object, { (file, line, name): (cc, nc, tt, ct, callers) }, callers =
// { callerkey: (nc, cc, tt, ct) } (mind the swapped first two), times in seconds. Source:
// Lib/pstats.py and Modules/_lsprof.c of CPython. file is SourceName; a frame that is no function
// is ('~', 0, name), as pstats has it for built-ins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "collector/base/result.h"
#include "collector/profile/call_graph.h"

namespace pinfo {

// REQUIRES: the graph came from CallGraphBuilder (unique keys, valid UTF-8).
std::string EncodePstats(const CallGraph& graph);

// Writes the file or leaves what was there: readers never see half of it. Fails where the graph is
// empty, which pstats refuses to load.
Status WriteStatsFile(const CallGraph& graph, const std::string& path);

// "DD-Mon-YYYY_HH-MM-SS.uuuuuu_METHOD_ID.stats": local time, English months whatever the locale.
// The method comes from the network: only letters, digits and '-' of it stay.
std::string StatsFileName(int64_t wall_ns, std::string_view method, int64_t request_id);
// Whether a file's name is one of these.
bool IsStatsFileName(std::string_view name);

}  // namespace pinfo

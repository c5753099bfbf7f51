// The stats file of a profiled request. One thread.
#pragma once

#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/pipeline/sample_book.h"
#include "collector/profile/call_graph.h"
#include "collector/store/rows.h"

namespace pinfo {

CallGraph RequestGraph(const RequestRow& row, const std::vector<Sample>& samples);

// Writes the request's profile into the directory; returns the file's path.
Result<std::string> WriteRequestStats(const std::string& directory, const RequestRow& row,
                                      const CallGraph& profile);

}  // namespace pinfo

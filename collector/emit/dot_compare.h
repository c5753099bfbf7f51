// Two profiles of nearly the same structure in one call graph, as gprof2dot --compare draws them.
#pragma once

#include <string>

#include "collector/base/result.h"
#include "collector/emit/dot.h"
#include "collector/profile/call_graph.h"

namespace pinfo {

struct DotComparisonOptions {
  double tolerance = 0.001;  // percentage points; what differs by less is the same
  bool only_slower = false;
  bool only_faster = false;
  // Nodes by how much they differ, the largest difference among those drawn being 1; gprof2dot
  // takes it over functions paired by their position, which says nothing.
  bool color_by_difference = false;
};

// The functions of `first`; those that `second` has too, by gprof2dot's name for them, show the
// share there and by how much it is larger (an arrow-shaped node) or smaller (the arrow upright).
// What is in `second` alone is not drawn. Fails as WriteDot does, for either.
Result<std::string> WriteDotComparison(const CallGraph& first, const CallGraph& second,
                                       const DotOptions& options,
                                       const DotComparisonOptions& comparison);

}  // namespace pinfo

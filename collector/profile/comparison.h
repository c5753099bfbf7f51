// One profile less another: where time was gained and where it was lost. Plain values.
#pragma once

#include <cstdint>
#include <vector>

#include "collector/profile/call_tree.h"

namespace pinfo {

// The stacks of both, without the lines that were executing. The tree's own times are those of
// `after`; a node whose stacks are in `before` alone has none.
struct TreeComparison {
  CallTree tree;
  std::vector<int64_t> before_self_ns;  // by node, every kind of time together
};

TreeComparison CompareTrees(const CallTree& before, const CallTree& after);

// Every time multiplied by numerator / denominator, rounded so that the total is the rounded total
// times that: to compare profiles of different numbers of requests. REQUIRES: denominator > 0.
CallTree ScaleTimes(const CallTree& tree, int64_t numerator, int64_t denominator);

}  // namespace pinfo

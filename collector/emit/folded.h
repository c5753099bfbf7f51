// Folded stacks, one a line: "main;parse;read 60000000". What flamegraph.pl, inferno, Speedscope
// and gprof2dot -f collapse read.
#pragma once

#include <string>

#include "collector/profile/call_tree.h"

namespace pinfo {

// Outermost function first; the weight is its stack's own time in nanoseconds, so the weights add
// up to the tree's total. A function with a known source file is "name (file:line)", the file
// without its directories and the line where it begins. What the format has no room for (';', line
// breaks and other control characters) is replaced. Stacks without time are left out; an empty
// stack is kUnsampledFrame.
std::string EncodeFolded(const CallTree& tree);

}  // namespace pinfo

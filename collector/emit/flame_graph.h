// Flame graphs: a call tree as one SVG that opens in any browser, with its script inside and
// nothing fetched. Callers above what they call; a box is as wide as its function's total time, on
// a time axis of its own.
//
// Two hues: what ran on a CPU is warm, what waited (blocked, run queue, waiting) is blue, in each
// box in proportion; time of unknown kind is grey. The script zooms (click, Enter), resets
// (Escape), searches ("/") and is walked with the arrow keys; without it the picture and its
// tooltips stay.
//
// Content-Security-Policy: no handlers in attributes, no styles; the one script is the same in
// every file, so a page may allow it by its hash. Names are data: whatever they hold, no markup
// comes of it.
#pragma once

#include <string>

#include "collector/profile/call_tree.h"
#include "collector/profile/comparison.h"

namespace pinfo {

struct FlameGraphOptions {
  std::string title;
  std::string note;  // a line below it; empty: none
};

std::string WriteFlameGraph(const CallTree& tree, const FlameGraphOptions& options);

// Boxes as wide as in `after`, red where the function took longer than before, blue where shorter,
// the stronger the more. What is in `before` alone has no width; the note says how long it took.
std::string WriteFlameComparison(const TreeComparison& comparison,
                                 const FlameGraphOptions& options);

}  // namespace pinfo

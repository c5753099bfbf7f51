// Puts a thread's Python frames into its native stack. The two are captured at the same moment but
// on their own; what ties them together is that each call of the native evaluation function
// (_PyEval_EvalFrameDefault) runs the Python frames up to the next entry mark.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "collector/store/rows.h"

namespace pinfo {

// One native program counter: its frames, innermost first (inlined ones before their caller).
struct NativeStep {
  std::vector<FrameRow> frames;
};

// The Python frames that one call of the evaluation function runs, innermost first. May be empty:
// a call that has just begun.
using PythonGroup = std::vector<FrameRow>;

// Whether the function is the interpreter's evaluation of a frame, also where the compiler has
// split it (".cold", ".part.0").
bool EvaluatesPython(std::string_view function);

// Both innermost first; so is the result. An evaluating step is replaced by its group. Where there
// are more of one than of the other (a call that has just begun or is ending), they are matched
// from the outermost inwards if whole, else from the innermost outwards; steps left over stay
// native, groups left over lie at the unmatched end.
std::vector<FrameRow> MergePythonFrames(std::span<const NativeStep> native,
                                        std::span<const PythonGroup> python, bool whole);

}  // namespace pinfo

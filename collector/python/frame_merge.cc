#include "collector/python/frame_merge.h"

#include <algorithm>

namespace pinfo {
namespace {

bool Evaluates(const NativeStep& step) {
  return !step.frames.empty() && EvaluatesPython(step.frames.back().function);
}

template <typename Frames>
void Append(const Frames& frames, std::vector<FrameRow>& merged) {
  merged.insert(merged.end(), frames.begin(), frames.end());
}

}  // namespace

bool EvaluatesPython(std::string_view function) {
  return function.substr(0, function.find('.')) == "_PyEval_EvalFrameDefault";
}

std::vector<FrameRow> MergePythonFrames(std::span<const NativeStep> native,
                                        std::span<const PythonGroup> python, bool whole) {
  const auto steps = static_cast<size_t>(std::count_if(native.begin(), native.end(), Evaluates));
  // How many of the innermost ones have no partner.
  const size_t lone_steps = whole && steps > python.size() ? steps - python.size() : 0;
  const size_t lone_groups = whole && python.size() > steps ? python.size() - steps : 0;
  std::vector<FrameRow> merged;
  size_t group = 0;
  while (group < lone_groups) {
    Append(python[group++], merged);
  }
  size_t step = 0;
  for (const NativeStep& at : native) {
    if (!Evaluates(at) || step++ < lone_steps || group == python.size()) {
      Append(at.frames, merged);
    } else {
      Append(python[group++], merged);
    }
  }
  while (group < python.size()) {
    Append(python[group++], merged);
  }
  return merged;
}

}  // namespace pinfo

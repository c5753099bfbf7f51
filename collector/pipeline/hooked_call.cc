#include "collector/pipeline/hooked_call.h"

#include <cstddef>
#include <utility>

#include "collector/profile/libraries.h"

namespace pinfo {
namespace {

bool IsOwn(const NativeStep& step) {
  return !step.frames.empty() && IsPreloadedLibrary(step.frames.back().module);
}

// What was inlined into the call is left out, too.
NativeStep CallAlone(NativeStep step) {
  FrameRow call = std::move(step.frames.back());
  call.file.clear();
  call.function_line = 0;
  call.line = 0;
  return {{std::move(call)}};
}

}  // namespace

void KeepHookedCalls(std::vector<NativeStep>& native) {
  std::vector<NativeStep> kept;
  kept.reserve(native.size());
  for (size_t i = 0; i < native.size(); ++i) {
    if (!IsOwn(native[i])) {
      kept.push_back(std::move(native[i]));
    } else if (i + 1 == native.size() || !IsOwn(native[i + 1])) {
      kept.push_back(CallAlone(std::move(native[i])));
    }
  }
  native = std::move(kept);
}

}  // namespace pinfo

// One request's timeline as a trace that chrome://tracing, ui.perfetto.dev and Speedscope open.
// Format: "Trace Event Format", the JSON object form.
#pragma once

#include <string>

#include "collector/profile/timeline.h"

namespace pinfo {

// Complete events ("X"): on the thread's track the request with its phases, the waits (category
// "wait", named by the innermost function) and, under "samples", the stacks of on-CPU samples as
// nested slices, equal neighbours joined; outgoing calls on a track of their own. Times are
// microseconds from the request's start, which otherData has; args carry the nanoseconds.
std::string EncodeChromeTrace(const Timeline& timeline);

}  // namespace pinfo

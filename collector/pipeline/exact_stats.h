// An exact profile as the call graph that a request's stats file has. Pure.
#pragma once

#include "collector/pipeline/exact_book.h"
#include "collector/pipeline/python_codes.h"
#include "collector/profile/call_graph.h"

namespace pinfo {

// What lies within the request's latency and outside of every call counted: the functions that
// received the request and sent the response, waiting for the interpreter's lock, other threads.
inline constexpr const char* kOutsideExactFrame = "[outside the profile]";

// Functions and edges with cProfile's figures; the own times of all functions, with
// kOutsideExactFrame's, add up to the latency.
CallGraph BuildExactGraph(const ExactProfile& profile, const PythonCodes& codes,
                          int64_t latency_ns);

}  // namespace pinfo

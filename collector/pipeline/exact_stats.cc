#include "collector/pipeline/exact_stats.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace pinfo {
namespace {

int64_t Time(uint64_t ns) { return static_cast<int64_t>(std::min<uint64_t>(ns, INT64_MAX)); }

Function ToFunction(const FrameRow& frame) {
  return {.name = frame.function,
          .file = frame.file,
          .module = frame.module,
          .line = frame.function_line};
}

}  // namespace

CallGraph BuildExactGraph(const ExactProfile& profile, const PythonCodes& codes,
                          int64_t latency_ns) {
  CallGraphBuilder builder;
  std::vector<CallGraph::FunctionIndex> index(profile.functions.size());
  int64_t counted_ns = 0;
  for (size_t i = 0; i < profile.functions.size(); ++i) {
    const pinfo_exact_function& raw = profile.functions[i];
    if (raw.calls == 0) {
      continue;  // called only after the last byte
    }
    index[i] = builder.AddFunction(ToFunction(codes.Describe(raw.code, raw.identity)));
    CallGraph::FunctionCost cost;
    cost.self_ns = Time(raw.self_ns);
    cost.total_ns = Time(raw.total_ns);
    cost.calls = raw.calls;
    cost.primitive_calls = raw.primitive_calls;
    builder.AddCost(index[i], cost);
    if (__builtin_add_overflow(counted_ns, cost.self_ns, &counted_ns)) {
      counted_ns = INT64_MAX;
    }
  }
  for (const pinfo_exact_edge& raw : profile.edges) {
    if (raw.calls == 0 || profile.functions[raw.caller].calls == 0 ||
        profile.functions[raw.callee].calls == 0) {
      continue;
    }
    CallGraph::Edge cost;
    cost.self_ns = Time(raw.self_ns);
    cost.total_ns = Time(raw.total_ns);
    cost.calls = raw.calls;
    cost.primitive_calls = raw.primitive_calls;
    builder.AddEdgeCost(builder.AddEdge(index[raw.caller], index[raw.callee]), cost);
  }
  if (latency_ns > counted_ns) {
    CallGraph::FunctionCost rest;
    rest.self_ns = rest.total_ns = latency_ns - counted_ns;
    rest.calls = rest.primitive_calls = 1;
    builder.AddCost(builder.AddFunction({.name = kOutsideExactFrame}), rest);
  }
  return std::move(builder).Finish(/*calls_are_samples=*/false);
}

}  // namespace pinfo

// A call tree folded to functions and the calls between them: what pstats files, the function table
// and call graphs show. Plain values: no I/O, no locks; an object belongs to one thread.
//
// Recursion is counted once: a function's total is the time of the stacks it is on, however often
// it is on them, and likewise for an edge. So no total exceeds the profile's.
//
// Times are nanoseconds. Sums saturate instead of overflowing: graphs also come from files.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "collector/profile/call_tree.h"

namespace pinfo {

struct CallGraph {
  using FunctionIndex = uint32_t;

  // In a sampled profile, calls and primitive_calls are both the number of samples with the
  // function on the stack. Read from a deterministic profiler's file they are that profiler's: all
  // calls, and those that were not recursive.
  struct FunctionCost {
    Function function;  // its strings are valid UTF-8
    int64_t self_ns = 0;
    int64_t total_ns = 0;
    int64_t calls = 0;
    int64_t primitive_calls = 0;
    // self_ns and total_ns by TimeKind. All zero where the source does not tell kinds apart.
    std::array<int64_t, kTimeKindCount> self_by_kind{};
    std::array<int64_t, kTimeKindCount> total_by_kind{};
  };

  // self_ns is the callee's own time when called from this caller, total_ns with what it called.
  struct Edge {
    FunctionIndex caller = 0;
    FunctionIndex callee = 0;
    int64_t self_ns = 0;
    int64_t total_ns = 0;
    int64_t calls = 0;
    int64_t primitive_calls = 0;
  };

  std::vector<FunctionCost> functions;  // no two with the same SourceName, line and name
  std::vector<Edge> edges;              // sorted by caller, then callee; each pair once
  bool calls_are_samples = false;

  [[nodiscard]] int64_t SelfTotalNs() const;
  // What 100% of total time is: the larger of all self time and the largest total, as gprof2dot
  // has it for pstats.
  [[nodiscard]] int64_t TotalNs() const;
};

// The place a function is told apart by beside its line and name: its source file, else the module
// (an ELF file), else "~", which is how pstats marks functions without a file.
std::string_view SourceName(const Function& function);

// Collects a CallGraph function by function; the same function is added once.
class CallGraphBuilder {
 public:
  // The function's index, new ones in the order of the calls. Makes its strings valid UTF-8.
  CallGraph::FunctionIndex AddFunction(const Function& function);
  // The index of the edge (not its final one: Finish sorts). REQUIRES: both from AddFunction.
  size_t AddEdge(CallGraph::FunctionIndex caller, CallGraph::FunctionIndex callee);

  // Adds figures to what is there. References are not kept.
  void AddCost(CallGraph::FunctionIndex function, const CallGraph::FunctionCost& cost);
  void AddEdgeCost(size_t edge, const CallGraph::Edge& cost);

  CallGraph Finish(bool calls_are_samples) &&;

 private:
  using FunctionKey = std::tuple<std::string, int32_t, std::string>;

  CallGraph graph_;
  std::map<FunctionKey, CallGraph::FunctionIndex> function_index_;
  std::unordered_map<uint64_t, size_t> edge_index_;  // caller << 32 | callee
};

// Functions in the order of the tree's nodes. calls is the number of samples; a node with time and
// no samples (a frame that stands for time no stack was taken of) counts as one. Time of empty
// stacks is the function kUnsampledFrame.
CallGraph BuildCallGraph(const CallTree& tree);

// Adds every figure of from: functions and edges are matched by SourceName, line and name.
// The result's calls are samples only if both are.
CallGraph MergeCallGraphs(const CallGraph& into, const CallGraph& from);

// With the directories of source names taken away; functions that become the same are added up.
CallGraph StripDirectories(const CallGraph& graph);

}  // namespace pinfo

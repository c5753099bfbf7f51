#include "collector/emit/graph_selection.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fnmatch.h>

namespace pinfo {
namespace {

using FunctionIndex = CallGraph::FunctionIndex;

double Seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

// A part of nothing counts as all of it: a profile without time still shows its functions.
double Share(int64_t part_ns, int64_t whole_ns) {
  return whole_ns == 0 ? 1 : std::clamp(Seconds(part_ns) / Seconds(whole_ns), 0.0, 1.0);
}

bool IsUnderOneOf(const std::vector<std::string>& paths, std::string_view file) {
  return std::any_of(paths.begin(), paths.end(),
                     [file](const std::string& path) { return file.starts_with(path); });
}

class Selector {
 public:
  Selector(const CallGraph& graph, const GraphSelectionOptions& options)
      : graph_(graph), options_(options), kept_(graph.functions.size(), true) {}

  Result<GraphSelection> Select() {
    ApplyThresholds();
    for (const bool callees : {true, false}) {
      const std::string& pattern = callees ? options_.root : options_.leaf;
      if (!pattern.empty() && !KeepReachable(pattern, callees)) {
        return Fail(
            fmt::format("no function matches the {} '{}' (it may be below the thresholds: "
                        "try --node-thres 0 --edge-thres 0)",
                        callees ? "root" : "leaf", pattern));
      }
    }
    return Collect();
  }

 private:
  void ApplyThresholds() {
    const int64_t total_ns = graph_.TotalNs();
    for (FunctionIndex i = 0; i < kept_.size(); ++i) {
      const CallGraph::FunctionCost& cost = graph_.functions[i];
      kept_[i] =
          Share(cost.total_ns, total_ns) >= options_.node_threshold / 100 &&
          (options_.paths.empty() || IsUnderOneOf(options_.paths, SourceName(cost.function)));
    }
    for (const CallGraph::Edge& edge : graph_.edges) {
      const double share = Share(edge.total_ns, total_ns);
      if (kept_[edge.caller] && kept_[edge.callee] && share >= options_.edge_threshold / 100) {
        edges_.push_back({.caller = edge.caller,
                          .callee = edge.callee,
                          .total_share = share,
                          .calls = edge.primitive_calls});
      }
    }
  }

  // Keeps what the functions of that name reach along the edges, forwards or backwards. False where
  // there is no such function.
  bool KeepReachable(const std::string& pattern, bool callees) {
    std::vector<std::vector<FunctionIndex>> next(kept_.size());
    for (const SelectedEdge& edge : edges_) {
      next[callees ? edge.caller : edge.callee].push_back(callees ? edge.callee : edge.caller);
    }
    std::vector<bool> reached(kept_.size());
    std::vector<FunctionIndex> frontier;
    for (FunctionIndex i = 0; i < kept_.size(); ++i) {
      const std::string name = GraphNodeName(graph_.functions[i].function);
      if (kept_[i] && ::fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0) {
        reached[i] = true;
        frontier.push_back(i);
      }
    }
    if (frontier.empty()) {
      return false;
    }
    for (int depth = 0; !frontier.empty() && depth != options_.depth; ++depth) {
      std::vector<FunctionIndex> further;
      for (const FunctionIndex from : frontier) {
        for (const FunctionIndex to : next[from]) {
          if (!reached[to]) {
            reached[to] = true;
            further.push_back(to);
          }
        }
      }
      frontier = std::move(further);
    }
    kept_ = std::move(reached);
    std::erase_if(edges_, [this](const SelectedEdge& edge) {
      return !kept_[edge.caller] || !kept_[edge.callee];
    });
    return true;
  }

  GraphSelection Collect() {
    const int64_t total_ns = graph_.TotalNs();
    const int64_t self_total_ns = graph_.SelfTotalNs();
    GraphSelection selection;
    for (FunctionIndex i = 0; i < kept_.size(); ++i) {
      if (kept_[i]) {
        const CallGraph::FunctionCost& cost = graph_.functions[i];
        selection.functions.push_back({.function = i,
                                       .total_share = Share(cost.total_ns, total_ns),
                                       .self_share = Share(cost.self_ns, self_total_ns)});
      }
    }
    selection.edges = std::move(edges_);
    return selection;
  }

  const CallGraph& graph_;
  const GraphSelectionOptions& options_;
  std::vector<bool> kept_;
  std::vector<SelectedEdge> edges_;
};

}  // namespace

std::string GraphNodeName(const Function& function) {
  std::string_view base = SourceName(function);
  base.remove_prefix(base.rfind('/') + 1);
  // Dots that begin a name begin no extension.
  const size_t dot = base.rfind('.');
  const size_t stem = base.find_first_not_of('.');
  if (dot != std::string_view::npos && stem != std::string_view::npos && stem < dot) {
    base = base.substr(0, dot);
  }
  return fmt::format("{}:{}:{}", base, function.line, function.name);
}

Result<GraphSelection> SelectGraph(const CallGraph& graph, const GraphSelectionOptions& options) {
  return Selector(graph, options).Select();
}

}  // namespace pinfo

#include "collector/profile/call_graph.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "collector/profile/utf8.h"

namespace pinfo {
namespace {

void AddTo(int64_t& sum, int64_t value) {
  if (__builtin_add_overflow(sum, value, &sum)) {
    sum = value > 0 ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
  }
}

// What a node and everything below it add up to.
struct Subtree {
  std::array<int64_t, kTimeKindCount> ns_by_kind{};
  int64_t calls = 0;
};

int64_t Sum(const std::array<int64_t, kTimeKindCount>& by_kind) {
  int64_t sum = 0;
  for (const int64_t ns : by_kind) {
    AddTo(sum, ns);
  }
  return sum;
}

int64_t CallsOf(const CallTree::Node& node) {
  return node.self_samples == 0 && Sum(node.self_ns) != 0 ? 1 : node.self_samples;
}

std::vector<Subtree> SumSubtrees(const std::vector<CallTree::Node>& nodes) {
  std::vector<Subtree> sums(nodes.size());
  for (size_t i = nodes.size(); i-- > 0;) {
    for (size_t kind = 0; kind < kTimeKindCount; ++kind) {
      AddTo(sums[i].ns_by_kind[kind], nodes[i].self_ns[kind]);
    }
    AddTo(sums[i].calls, CallsOf(nodes[i]));
    if (i != CallTree::kRoot) {
      Subtree& parent = sums[nodes[i].parent];
      for (size_t kind = 0; kind < kTimeKindCount; ++kind) {
        AddTo(parent.ns_by_kind[kind], sums[i].ns_by_kind[kind]);
      }
      AddTo(parent.calls, sums[i].calls);
    }
  }
  return sums;
}

// Walks the tree depth first and knows what is on the path, so that a total is taken only where a
// function or an edge is on its stack for the first time.
class TreeFolder {
 public:
  explicit TreeFolder(const CallTree& tree)
      : nodes_(tree.nodes()),
        sums_(SumSubtrees(nodes_)),
        first_child_(nodes_.size(), kNone),
        next_sibling_(nodes_.size(), kNone),
        function_of_(tree.functions().size(), kNone),
        edge_of_(nodes_.size(), kNoEdge) {
    AddFunctions(tree);
    for (size_t i = nodes_.size(); i-- > 1;) {
      next_sibling_[i] = first_child_[nodes_[i].parent];
      first_child_[nodes_[i].parent] = static_cast<CallTree::NodeIndex>(i);
    }
  }

  CallGraph Fold() && {
    CallTree::NodeIndex at = first_child_[CallTree::kRoot];
    while (at != kNone) {
      Enter(at);
      CallTree::NodeIndex next = first_child_[at];
      while (next == kNone && at != CallTree::kRoot) {
        Leave(at);
        next = next_sibling_[at];
        at = nodes_[at].parent;
      }
      at = next;
    }
    AddEmptyStacks();
    return std::move(builder_).Finish(true);
  }

 private:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();
  static constexpr size_t kNoEdge = std::numeric_limits<size_t>::max();

  // Only functions that are on a stack, in the order of the nodes; different functions of the tree
  // may be one here (the same source function in two modules).
  void AddFunctions(const CallTree& tree) {
    for (size_t i = 1; i < nodes_.size(); ++i) {
      const CallTree::FunctionIndex function = nodes_[i].function;
      if (function_of_[function] == kNone) {
        function_of_[function] = builder_.AddFunction(tree.functions()[function]);
      }
      if (nodes_[i].parent != CallTree::kRoot) {
        edge_of_[i] = builder_.AddEdge(function_of_[nodes_[nodes_[i].parent].function],
                                       function_of_[function]);
        on_path_edges_.resize(std::max(on_path_edges_.size(), edge_of_[i] + 1));
      }
      on_path_functions_.resize(
          std::max<size_t>(on_path_functions_.size(), function_of_[function] + 1));
    }
  }

  void Enter(CallTree::NodeIndex at) {
    const CallTree::Node& node = nodes_[at];
    const CallGraph::FunctionIndex function = function_of_[node.function];
    CallGraph::FunctionCost cost;
    cost.self_by_kind = node.self_ns;
    cost.self_ns = Sum(node.self_ns);
    if (on_path_functions_[function]++ == 0) {
      cost.total_by_kind = sums_[at].ns_by_kind;
      cost.total_ns = Sum(cost.total_by_kind);
      cost.calls = cost.primitive_calls = sums_[at].calls;
    }
    builder_.AddCost(function, cost);
    if (edge_of_[at] != kNoEdge) {
      CallGraph::Edge edge{.self_ns = cost.self_ns};
      if (on_path_edges_[edge_of_[at]]++ == 0) {
        edge.total_ns = Sum(sums_[at].ns_by_kind);
        edge.calls = edge.primitive_calls = sums_[at].calls;
      }
      builder_.AddEdgeCost(edge_of_[at], edge);
    }
  }

  void Leave(CallTree::NodeIndex at) {
    --on_path_functions_[function_of_[nodes_[at].function]];
    if (edge_of_[at] != kNoEdge) {
      --on_path_edges_[edge_of_[at]];
    }
  }

  void AddEmptyStacks() {
    const CallTree::Node& root = nodes_[CallTree::kRoot];
    const int64_t calls = CallsOf(root);
    if (calls == 0) {
      return;
    }
    CallGraph::FunctionCost cost;
    cost.self_by_kind = cost.total_by_kind = root.self_ns;
    cost.self_ns = cost.total_ns = Sum(root.self_ns);
    cost.calls = cost.primitive_calls = calls;
    builder_.AddCost(builder_.AddFunction({.name = kUnsampledFrame}), cost);
  }

  const std::vector<CallTree::Node>& nodes_;
  std::vector<Subtree> sums_;
  std::vector<CallTree::NodeIndex> first_child_;
  std::vector<CallTree::NodeIndex> next_sibling_;
  std::vector<CallGraph::FunctionIndex> function_of_;  // by the tree's function index
  std::vector<size_t> edge_of_;                        // by node: the edge from its parent
  std::vector<uint32_t> on_path_functions_;            // how often each is on the path
  std::vector<uint32_t> on_path_edges_;
  CallGraphBuilder builder_;
};

void AddGraph(CallGraphBuilder& builder, const CallGraph& graph, bool strip_directories) {
  std::vector<CallGraph::FunctionIndex> index_of;
  index_of.reserve(graph.functions.size());
  for (const CallGraph::FunctionCost& cost : graph.functions) {
    Function function = cost.function;
    if (strip_directories) {
      const std::string_view source = SourceName(function);
      function.file = std::string(source.substr(source.rfind('/') + 1));
    }
    index_of.push_back(builder.AddFunction(function));
    builder.AddCost(index_of.back(), cost);
  }
  for (const CallGraph::Edge& edge : graph.edges) {
    builder.AddEdgeCost(builder.AddEdge(index_of[edge.caller], index_of[edge.callee]), edge);
  }
}

}  // namespace

int64_t CallGraph::SelfTotalNs() const {
  int64_t total = 0;
  for (const FunctionCost& cost : functions) {
    AddTo(total, cost.self_ns);
  }
  return total;
}

int64_t CallGraph::TotalNs() const {
  int64_t total = SelfTotalNs();
  for (const FunctionCost& cost : functions) {
    total = std::max(total, cost.total_ns);
  }
  return total;
}

std::string_view SourceName(const Function& function) {
  if (!function.file.empty()) {
    return function.file;
  }
  return function.module.empty() ? std::string_view("~") : std::string_view(function.module);
}

CallGraph::FunctionIndex CallGraphBuilder::AddFunction(const Function& function) {
  Function valid = {.name = ValidUtf8(function.name),
                    .file = ValidUtf8(function.file),
                    .module = ValidUtf8(function.module),
                    .line = function.line};
  const auto [it, added] =
      function_index_.try_emplace({std::string(SourceName(valid)), valid.line, valid.name},
                                  static_cast<CallGraph::FunctionIndex>(graph_.functions.size()));
  if (added) {
    graph_.functions.push_back({.function = std::move(valid)});
  }
  return it->second;
}

size_t CallGraphBuilder::AddEdge(CallGraph::FunctionIndex caller, CallGraph::FunctionIndex callee) {
  const uint64_t key = static_cast<uint64_t>(caller) << 32 | callee;
  const auto [it, added] = edge_index_.try_emplace(key, graph_.edges.size());
  if (added) {
    graph_.edges.push_back({.caller = caller, .callee = callee});
  }
  return it->second;
}

void CallGraphBuilder::AddCost(CallGraph::FunctionIndex function,
                               const CallGraph::FunctionCost& cost) {
  CallGraph::FunctionCost& sum = graph_.functions[function];
  AddTo(sum.self_ns, cost.self_ns);
  AddTo(sum.total_ns, cost.total_ns);
  AddTo(sum.calls, cost.calls);
  AddTo(sum.primitive_calls, cost.primitive_calls);
  for (size_t kind = 0; kind < kTimeKindCount; ++kind) {
    AddTo(sum.self_by_kind[kind], cost.self_by_kind[kind]);
    AddTo(sum.total_by_kind[kind], cost.total_by_kind[kind]);
  }
}

void CallGraphBuilder::AddEdgeCost(size_t edge, const CallGraph::Edge& cost) {
  CallGraph::Edge& sum = graph_.edges[edge];
  AddTo(sum.self_ns, cost.self_ns);
  AddTo(sum.total_ns, cost.total_ns);
  AddTo(sum.calls, cost.calls);
  AddTo(sum.primitive_calls, cost.primitive_calls);
}

CallGraph CallGraphBuilder::Finish(bool calls_are_samples) && {
  std::sort(graph_.edges.begin(), graph_.edges.end(),
            [](const CallGraph::Edge& a, const CallGraph::Edge& b) {
              return std::pair(a.caller, a.callee) < std::pair(b.caller, b.callee);
            });
  graph_.calls_are_samples = calls_are_samples;
  return std::move(graph_);
}

CallGraph BuildCallGraph(const CallTree& tree) { return TreeFolder(tree).Fold(); }

CallGraph MergeCallGraphs(const CallGraph& into, const CallGraph& from) {
  CallGraphBuilder builder;
  AddGraph(builder, into, false);
  AddGraph(builder, from, false);
  return std::move(builder).Finish(into.calls_are_samples && from.calls_are_samples);
}

CallGraph StripDirectories(const CallGraph& graph) {
  CallGraphBuilder builder;
  AddGraph(builder, graph, true);
  return std::move(builder).Finish(graph.calls_are_samples);
}

}  // namespace pinfo

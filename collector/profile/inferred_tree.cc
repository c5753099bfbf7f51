#include "collector/profile/inferred_tree.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace pinfo {
namespace {

using FunctionIndex = CallGraph::FunctionIndex;

// Below this share of the whole, and beyond this depth, what a function calls is its own time: the
// number of paths through a graph has no other bound.
constexpr int64_t kSmallestShare = 100'000;
constexpr size_t kMaxDepth = 256;

int64_t Positive(int64_t ns) { return std::max<int64_t>(ns, 0); }

// Parts in the proportion of the weights that add up to the amount.
std::vector<int64_t> Share(int64_t amount_ns, const std::vector<int64_t>& weights) {
  __int128 whole = 0;
  for (const int64_t weight : weights) {
    whole += weight;
  }
  std::vector<int64_t> parts;
  __int128 sum = 0;
  int64_t given = 0;
  for (const int64_t weight : weights) {
    sum += weight;
    const auto due = whole == 0 ? 0 : static_cast<int64_t>(amount_ns * sum / whole);
    parts.push_back(due - given);
    given = due;
  }
  return parts;
}

class Inference {
 public:
  explicit Inference(const CallGraph& graph)
      : graph_(graph), callees_(graph.functions.size()), on_path_(graph.functions.size()) {
    for (const CallGraph::Edge& edge : graph.edges) {
      callees_[edge.caller].push_back(&edge);
    }
    for (const CallGraph::FunctionCost& cost : graph.functions) {
      whole_ns_ += Positive(cost.self_ns);
      function_of_.push_back(tree_.AddFunction(cost.function));
    }
  }

  CallTree Infer() && {
    const std::vector<int64_t> parts = Share(whole_ns_, RootWeights());
    for (FunctionIndex i = 0; i < parts.size(); ++i) {
      if (parts[i] > 0) {
        Expand(CallTree::kRoot, i, parts[i], 0);
      }
    }
    return std::move(tree_);
  }

 private:
  // What no caller accounts for. In a profile that is all cycles nothing is left: then its largest
  // function is where it begins.
  std::vector<int64_t> RootWeights() const {
    std::vector<int64_t> weights;
    for (const CallGraph::FunctionCost& cost : graph_.functions) {
      weights.push_back(Positive(cost.total_ns));
    }
    for (const CallGraph::Edge& edge : graph_.edges) {
      if (edge.caller != edge.callee) {
        weights[edge.callee] = Positive(weights[edge.callee] - Positive(edge.total_ns));
      }
    }
    if (!weights.empty() &&
        std::all_of(weights.begin(), weights.end(), [](int64_t weight) { return weight == 0; })) {
      const auto largest =
          std::max_element(graph_.functions.begin(), graph_.functions.end(),
                           [](const auto& a, const auto& b) { return a.total_ns < b.total_ns; });
      weights[static_cast<size_t>(largest - graph_.functions.begin())] = 1;
    }
    return weights;
  }

  void Expand(CallTree::NodeIndex parent, FunctionIndex function, int64_t amount_ns, size_t depth) {
    const CallTree::NodeIndex node = tree_.AddChild(parent, {.function = function_of_[function]});
    const CallGraph::FunctionCost& cost = graph_.functions[function];
    std::vector<int64_t> weights = {Positive(cost.self_ns)};
    for (const CallGraph::Edge* edge : callees_[function]) {
      weights.push_back(Positive(edge->total_ns));
    }
    const std::vector<int64_t> parts = Share(amount_ns, weights);
    int64_t own_ns = amount_ns;
    on_path_[function] = true;
    for (size_t i = 1; i < parts.size(); ++i) {
      const FunctionIndex callee = callees_[function][i - 1]->callee;
      const bool is_worth_a_node = parts[i] > 0 && parts[i] >= whole_ns_ / kSmallestShare;
      if (is_worth_a_node && !on_path_[callee] && depth < kMaxDepth) {
        Expand(node, callee, parts[i], depth + 1);
        own_ns -= parts[i];
      }
    }
    on_path_[function] = false;
    const TimeKind kind = IsFrameWithoutStack(cost.function)
                              ? KindOfFrameWithoutStack(cost.function)
                              : TimeKind::kUnattributed;
    tree_.AddTime(node, kind, own_ns);
  }

  const CallGraph& graph_;
  std::vector<std::vector<const CallGraph::Edge*>> callees_;
  std::vector<bool> on_path_;
  std::vector<CallTree::FunctionIndex> function_of_;
  int64_t whole_ns_ = 0;
  CallTree tree_;
};

}  // namespace

CallTree InferCallTree(const CallGraph& graph) { return Inference(graph).Infer(); }

}  // namespace pinfo

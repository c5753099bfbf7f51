#include "collector/profile/comparison.h"

namespace pinfo {

TreeComparison CompareTrees(const CallTree& before, const CallTree& after) {
  TreeComparison comparison;
  comparison.tree = WithoutLines(after);
  const CallTree other = WithoutLines(before);
  // Of the other only the shape is added: its nodes, without what they have themselves.
  CallTree shape;
  for (const Function& function : other.functions()) {
    shape.AddFunction(function);
  }
  for (CallTree::NodeIndex i = 1; i < other.nodes().size(); ++i) {
    const CallTree::Node& node = other.nodes()[i];
    shape.AddChild(node.parent, {.function = node.function});
  }
  const std::vector<CallTree::NodeIndex> node_of = comparison.tree.Merge(shape);
  comparison.before_self_ns.resize(comparison.tree.nodes().size());
  for (CallTree::NodeIndex i = 0; i < other.nodes().size(); ++i) {
    for (const int64_t ns : other.nodes()[i].self_ns) {
      comparison.before_self_ns[node_of[i]] += ns;
    }
  }
  return comparison;
}

CallTree ScaleTimes(const CallTree& tree, int64_t numerator, int64_t denominator) {
  CallTree scaled;
  for (const Function& function : tree.functions()) {
    scaled.AddFunction(function);
  }
  __int128 sum = 0;
  __int128 given = 0;
  for (CallTree::NodeIndex i = 0; i < tree.nodes().size(); ++i) {
    const CallTree::Node& node = tree.nodes()[i];
    if (i != CallTree::kRoot) {
      scaled.AddChild(node.parent, {.function = node.function, .line = node.line});
    }
    for (const TimeKind kind : kTimeKinds) {
      // Of the running sum, so that rounding does not add up.
      sum += node.self_ns[static_cast<size_t>(kind)];
      const __int128 due = sum * numerator / denominator;
      scaled.AddTime(i, kind, static_cast<int64_t>(due - given));
      given = due;
    }
    scaled.AddSamples(i, node.self_samples);
  }
  return scaled;
}

}  // namespace pinfo

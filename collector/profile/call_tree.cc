#include "collector/profile/call_tree.h"

namespace pinfo {

CallTree::CallTree() : nodes_(1) {}

CallTree::FunctionIndex CallTree::AddFunction(const Function& function) {
  const auto [it, added] =
      function_index_.try_emplace(function, static_cast<FunctionIndex>(functions_.size()));
  if (added) {
    functions_.push_back(function);
  }
  return it->second;
}

void CallTree::AddStack(std::span<const FunctionIndex> root_first, TimeKind kind, int64_t time_ns,
                        int64_t samples) {
  NodeIndex at = kRoot;
  for (const FunctionIndex function : root_first) {
    const uint64_t key = static_cast<uint64_t>(at) << 32 | function;
    const auto [it, added] = child_index_.try_emplace(key, static_cast<NodeIndex>(nodes_.size()));
    if (added) {
      nodes_.push_back(Node{.parent = at, .function = function});
    }
    at = it->second;
  }
  nodes_[at].self_ns[static_cast<size_t>(kind)] += time_ns;
  nodes_[at].self_samples += samples;
}

void CallTree::Merge(const CallTree& other) {
  std::vector<FunctionIndex> function_of(other.functions_.size());
  for (size_t i = 0; i < other.functions_.size(); ++i) {
    function_of[i] = AddFunction(other.functions_[i]);
  }
  std::vector<FunctionIndex> stack;
  for (NodeIndex i = 0; i < other.nodes_.size(); ++i) {
    const Node& node = other.nodes_[i];
    stack.clear();
    for (NodeIndex at = i; at != kRoot; at = other.nodes_[at].parent) {
      stack.insert(stack.begin(), function_of[other.nodes_[at].function]);
    }
    for (size_t kind = 0; kind < kTimeKindCount; ++kind) {
      if (node.self_ns[kind] != 0) {
        AddStack(stack, static_cast<TimeKind>(kind), node.self_ns[kind], 0);
      }
    }
    if (node.self_samples != 0) {
      AddStack(stack, TimeKind::kOnCpu, 0, node.self_samples);
    }
  }
}

int64_t CallTree::TotalNs() const {
  int64_t total = 0;
  for (const Node& node : nodes_) {
    for (const int64_t ns : node.self_ns) {
      total += ns;
    }
  }
  return total;
}

int64_t CallTree::TotalSamples() const {
  int64_t total = 0;
  for (const Node& node : nodes_) {
    total += node.self_samples;
  }
  return total;
}

}  // namespace pinfo

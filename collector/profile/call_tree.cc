#include "collector/profile/call_tree.h"

#include <algorithm>
#include <utility>

namespace pinfo {
namespace {

constexpr std::array<std::pair<const char*, TimeKind>, 5> kFramesWithoutStack = {{
    {kUnsampledFrame, TimeKind::kOnCpu},
    {kBlockedFrame, TimeKind::kBlocked},
    {kRunqueueFrame, TimeKind::kRunqueue},
    {kWaitingFrame, TimeKind::kWaiting},
    {kUnattributedFrame, TimeKind::kUnattributed},
}};

const std::pair<const char*, TimeKind>* FindFrameWithoutStack(const Function& function) {
  // A stats file has "~" in the place of the file.
  if (!function.module.empty() || (!function.file.empty() && function.file != "~")) {
    return nullptr;
  }
  const auto* found = std::find_if(kFramesWithoutStack.begin(), kFramesWithoutStack.end(),
                                   [&](const auto& frame) { return function.name == frame.first; });
  return found == kFramesWithoutStack.end() ? nullptr : found;
}

}  // namespace

const char* TimeKindName(TimeKind kind) {
  switch (kind) {
    case TimeKind::kOnCpu:
      return "on CPU";
    case TimeKind::kBlocked:
      return "blocked";
    case TimeKind::kRunqueue:
      return "waiting for a CPU";
    case TimeKind::kWaiting:
      return "waiting";
    case TimeKind::kUnattributed:
      return "unattributed";
  }
  return "";
}

const char* TimeKindKey(TimeKind kind) {
  switch (kind) {
    case TimeKind::kOnCpu:
      return "on_cpu";
    case TimeKind::kBlocked:
      return "blocked";
    case TimeKind::kRunqueue:
      return "runqueue";
    case TimeKind::kWaiting:
      return "waiting";
    case TimeKind::kUnattributed:
      return "unattributed";
  }
  return "";
}

bool IsFrameWithoutStack(const Function& function) {
  return FindFrameWithoutStack(function) != nullptr;
}

TimeKind KindOfFrameWithoutStack(const Function& function) {
  const auto* frame = FindFrameWithoutStack(function);
  return frame == nullptr ? TimeKind::kOnCpu : frame->second;
}

CallTree::CallTree() : nodes_(1) {}

size_t CallTree::ChildKeyHash::operator()(const ChildKey& key) const {
  uint64_t hash = static_cast<uint64_t>(key.parent) << 32 | key.frame.function;
  hash = (hash ^ static_cast<uint32_t>(key.frame.line)) * 0x9E3779B97F4A7C15U;
  return hash ^ hash >> 32;
}

CallTree::FunctionIndex CallTree::AddFunction(const Function& function) {
  const auto [it, added] =
      function_index_.try_emplace(function, static_cast<FunctionIndex>(functions_.size()));
  if (added) {
    functions_.push_back(function);
  }
  return it->second;
}

CallTree::NodeIndex CallTree::AddChild(NodeIndex parent, Frame frame) {
  const auto [it, added] =
      child_index_.try_emplace({parent, frame}, static_cast<NodeIndex>(nodes_.size()));
  if (added) {
    nodes_.push_back(Node{.parent = parent, .function = frame.function, .line = frame.line});
  }
  return it->second;
}

void CallTree::AddTime(NodeIndex node, TimeKind kind, int64_t time_ns) {
  nodes_[node].self_ns[static_cast<size_t>(kind)] += time_ns;
}

void CallTree::AddFrames(std::span<const Frame> root_first, TimeKind kind, int64_t time_ns,
                         int64_t samples) {
  NodeIndex at = kRoot;
  for (const Frame frame : root_first) {
    at = AddChild(at, frame);
  }
  AddTime(at, kind, time_ns);
  AddSamples(at, samples);
}

void CallTree::AddStack(std::span<const FunctionIndex> root_first, TimeKind kind, int64_t time_ns,
                        int64_t samples) {
  NodeIndex at = kRoot;
  for (const FunctionIndex function : root_first) {
    at = AddChild(at, {.function = function});
  }
  AddTime(at, kind, time_ns);
  AddSamples(at, samples);
}

std::vector<CallTree::NodeIndex> CallTree::Merge(const CallTree& other) {
  std::vector<FunctionIndex> function_of(other.functions_.size());
  for (size_t i = 0; i < other.functions_.size(); ++i) {
    function_of[i] = AddFunction(other.functions_[i]);
  }
  std::vector<NodeIndex> node_of(other.nodes_.size(), kRoot);
  for (NodeIndex i = 0; i < other.nodes_.size(); ++i) {
    const Node node = other.nodes_[i];  // a copy: other may be this tree
    if (i != kRoot) {
      node_of[i] = AddChild(node_of[node.parent],
                            {.function = function_of[node.function], .line = node.line});
    }
    for (const TimeKind kind : kTimeKinds) {
      AddTime(node_of[i], kind, node.self_ns[static_cast<size_t>(kind)]);
    }
    AddSamples(node_of[i], node.self_samples);
  }
  return node_of;
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

CallTree WithoutLines(const CallTree& tree) {
  CallTree result;
  std::vector<CallTree::NodeIndex> node_of(tree.nodes().size(), CallTree::kRoot);
  for (CallTree::NodeIndex i = 0; i < tree.nodes().size(); ++i) {
    const CallTree::Node& node = tree.nodes()[i];
    if (i != CallTree::kRoot) {
      node_of[i] = result.AddChild(
          node_of[node.parent], {.function = result.AddFunction(tree.functions()[node.function])});
    }
    for (const TimeKind kind : kTimeKinds) {
      result.AddTime(node_of[i], kind, node.self_ns[static_cast<size_t>(kind)]);
    }
    result.AddSamples(node_of[i], node.self_samples);
  }
  return result;
}

}  // namespace pinfo

#include "collector/views/verdict.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "collector/profile/libraries.h"
#include "collector/views/time_split.h"

namespace pinfo {
namespace {

constexpr double kNotableShare = 0.1;  // of the latency
// With fewer samples the line says how few: a share of so little is a hint, not a figure.
constexpr int64_t kFewSamples = 10;

bool IsSystem(const Function& function) {
  return IsSystemFunction(function.name, function.module);
}

bool IsFrameInBrackets(const Function& function) {
  return function.name.empty() || function.name.front() == '[';
}

// Functions without arguments: the line has no room for them.
std::string ShortName(const Function& function) {
  const std::string_view name = function.name;
  const size_t arguments = name.find('(', 1);
  const std::string_view shown =
      arguments == std::string_view::npos || name.starts_with("operator") ? name
                                                                         : name.substr(0, arguments);
  return shown.size() > 80 ? std::string(shown.substr(0, 77)) + "..." : std::string(shown);
}

class Reading {
 public:
  Reading(const CallTree& tree, TimeKind kind) : tree_(tree), kind_(static_cast<size_t>(kind)) {
    const auto& nodes = tree.nodes();
    inclusive_.resize(nodes.size());
    for (size_t i = nodes.size(); i-- > 0;) {  // children come behind their parents
      inclusive_[i] += nodes[i].self_ns[kind_];
      if (i > 0) {
        inclusive_[nodes[i].parent] += inclusive_[i];
      }
    }
  }

  struct Found {
    std::string name;
    int64_t ns = 0;
  };

  // The innermost function that at least half of the time passes through.
  [[nodiscard]] Found Dominant() const {
    const auto& nodes = tree_.nodes();
    std::vector<std::vector<CallTree::NodeIndex>> children(nodes.size());
    for (CallTree::NodeIndex i = 1; i < nodes.size(); ++i) {
      children[nodes[i].parent].push_back(i);
    }
    std::vector<CallTree::NodeIndex> level = {CallTree::kRoot};
    const Function* found = nullptr;
    int64_t found_ns = 0;
    while (true) {
      // Nodes of one level may differ in the executing line alone.
      std::map<CallTree::FunctionIndex, std::pair<int64_t, std::vector<CallTree::NodeIndex>>> next;
      for (const CallTree::NodeIndex parent : level) {
        for (const CallTree::NodeIndex child : children[parent]) {
          auto& [ns, members] = next[nodes[child].function];
          ns += inclusive_[child];
          members.push_back(child);
        }
      }
      const auto best = std::ranges::max_element(
          next, {}, [](const auto& each) { return each.second.first; });
      if (best == next.end() || 2 * best->second.first < inclusive_[CallTree::kRoot]) {
        break;
      }
      const Function& function = tree_.functions()[best->first];
      if (IsFrameInBrackets(function)) {
        break;
      }
      if (!IsSystem(function)) {
        found = &function;
        found_ns = best->second.first;
      }
      level = std::move(best->second.second);
    }
    if (found == nullptr) {
      return {};
    }
    const std::string_view part = WellKnownPart(*found);
    if (part.empty()) {
      return {ShortName(*found), found_ns};
    }
    return {std::string(part), TimeOfPart(part)};
  }

  // The function that most of the time was spent waiting in.
  [[nodiscard]] Found Wait() const {
    std::map<std::string, int64_t> times;
    for (CallTree::NodeIndex i = 1; i < tree_.nodes().size(); ++i) {
      const int64_t ns = tree_.nodes()[i].self_ns[kind_];
      if (ns > 0) {
        if (const Function* function = Waiter(i)) {
          times[ShortName(*function)] += ns;
        }
      }
    }
    const auto best = std::ranges::max_element(times, {}, [](const auto& each) { return each.second; });
    return best == times.end() ? Found{} : Found{best->first, best->second};
  }

  [[nodiscard]] int64_t Samples() const {
    int64_t samples = 0;
    for (const CallTree::Node& node : tree_.nodes()) {
      samples += node.self_ns[kind_] > 0 ? node.self_samples : 0;
    }
    return samples;
  }

 private:
  [[nodiscard]] const Function& FunctionOf(CallTree::NodeIndex node) const {
    return tree_.functions()[tree_.nodes()[node].function];
  }

  // Of every stack that the part is on.
  [[nodiscard]] int64_t TimeOfPart(std::string_view part) const {
    const auto& nodes = tree_.nodes();
    std::vector<bool> within(nodes.size());
    int64_t ns = 0;
    for (CallTree::NodeIndex i = 1; i < nodes.size(); ++i) {
      within[i] = within[nodes[i].parent] || WellKnownPart(FunctionOf(i)) == part;
      ns += within[i] ? nodes[i].self_ns[kind_] : 0;
    }
    return ns;
  }

  // From the innermost frame outwards: the first one above the system's libraries, and where that
  // is in a library, the call that led into it. Null for time without a stack.
  [[nodiscard]] const Function* Waiter(CallTree::NodeIndex innermost) const {
    CallTree::NodeIndex at = innermost;
    while (at != CallTree::kRoot && IsSystem(FunctionOf(at))) {
      at = tree_.nodes()[at].parent;
    }
    if (at == CallTree::kRoot) {
      at = innermost;  // nothing but the system's: its innermost frame says most
    }
    const Function* function = &FunctionOf(at);
    if (IsFrameInBrackets(*function)) {
      return nullptr;
    }
    while (IsLibrary(function->module) && !IsSystem(*function)) {
      at = tree_.nodes()[at].parent;
      if (at == CallTree::kRoot || FunctionOf(at).module != function->module) {
        break;
      }
      function = &FunctionOf(at);
    }
    return function;
  }

  const CallTree& tree_;
  size_t kind_;
  std::vector<int64_t> inclusive_;
};

std::string DescribeOnCpu(const CallTree& tree, int64_t latency_ns) {
  const Reading reading(tree, TimeKind::kOnCpu);
  const Reading::Found found = reading.Dominant();
  const double share = static_cast<double>(found.ns) / static_cast<double>(latency_ns);
  if (found.name.empty() || share < kNotableShare) {
    return "";
  }
  const int64_t samples = reading.Samples();
  return fmt::format(" ({} {:.0f}%{})", found.name, 100 * share,
                     samples >= kFewSamples ? ""
                     : samples == 1         ? " by one sample"
                                            : fmt::format(" by {} samples", samples));
}

std::string DescribeBlocked(const CallTree& tree, int64_t latency_ns, int64_t blocked_ns) {
  const Reading::Found found = Reading(tree, TimeKind::kBlocked).Wait();
  const double share = static_cast<double>(found.ns) / static_cast<double>(latency_ns);
  if (found.name.empty() || share < kNotableShare) {
    return "";
  }
  if (static_cast<double>(found.ns) >= 0.9 * static_cast<double>(blocked_ns)) {
    return " in " + found.name;
  }
  return fmt::format(" ({} {:.0f}%)", found.name, 100 * share);
}

}  // namespace

std::string DescribeTime(const RequestRow& row, const CallTree& tree) {
  return DescribeTimeSplit(row, [&](TimeKind kind, int64_t time_ns) -> std::string {
    switch (kind) {
      case TimeKind::kOnCpu:
        return DescribeOnCpu(tree, row.latency_ns);
      case TimeKind::kBlocked:
        return DescribeBlocked(tree, row.latency_ns, time_ns);
      case TimeKind::kRunqueue:
      case TimeKind::kWaiting:
      case TimeKind::kUnattributed:
        return "";
    }
    return "";
  });
}

}  // namespace pinfo

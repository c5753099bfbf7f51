#include "html/profile_json.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "collector/emit/dot.h"
#include "html/data_script.h"

namespace pinfo::html {
namespace {

// More than anybody reads; a deep C++ program has tens of thousands.
constexpr size_t kListedFunctions = 2000;
// A box of less than this part of the whole is narrower than a tenth of a pixel.
constexpr int64_t kNarrowestPart = 10'000;

// The function's number in the DOT text is its place in the graph.
nlohmann::json FunctionsJson(const CallGraph& graph) {
  std::vector<size_t> order(graph.functions.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater{},
                           [&](size_t index) { return graph.functions[index].total_ns; });
  order.resize(std::min(order.size(), kListedFunctions));
  nlohmann::json functions = nlohmann::json::array();
  for (const size_t index : order) {
    const CallGraph::FunctionCost& cost = graph.functions[index];
    const Function& function = cost.function;
    // A frame in brackets stands for time without samples.
    const bool sampled = graph.calls_are_samples && !function.name.starts_with('[');
    functions.push_back({{"node", index},
                         {"name", function.name},
                         {"file", function.file},
                         {"line", function.line},
                         {"module", function.module},
                         {"self_ns", cost.self_ns},
                         {"total_ns", cost.total_ns},
                         {"samples", sampled ? nlohmann::json(cost.calls) : nullptr}});
  }
  return functions;
}

// names: [name, place], nodes: [parent, index of names, times by kind]. What is too narrow to be
// seen is left out with all below it: its time is part of its callers' totals.
nlohmann::json TreeJson(const CallTree& lined) {
  const CallTree tree = WithoutLines(lined);
  const std::vector<CallTree::Node>& nodes = tree.nodes();
  std::vector<std::array<int64_t, kTimeKindCount>> totals(nodes.size());
  std::vector<int64_t> sums(nodes.size());
  for (size_t i = nodes.size(); i-- > 0;) {
    for (size_t kind = 0; kind < kTimeKindCount; ++kind) {
      totals[i].at(kind) += nodes[i].self_ns.at(kind);
      sums[i] += totals[i].at(kind);
      if (i != CallTree::kRoot) {
        totals[nodes[i].parent].at(kind) += totals[i].at(kind);
      }
    }
  }
  nlohmann::json names = nlohmann::json::array();
  nlohmann::json rows = nlohmann::json::array();
  std::vector<int64_t> name_of(tree.functions().size(), -1);
  std::vector<int64_t> place(nodes.size(), -1);
  const int64_t least = std::max<int64_t>(1, sums[CallTree::kRoot] / kNarrowestPart);
  for (size_t i = 1; i < nodes.size(); ++i) {
    const bool parent_shown = nodes[i].parent == CallTree::kRoot || place[nodes[i].parent] >= 0;
    if (!parent_shown || sums[i] < least) {
      continue;
    }
    int64_t& name = name_of[nodes[i].function];
    if (name < 0) {
      const Function& function = tree.functions()[nodes[i].function];
      name = static_cast<int64_t>(names.size());
      names.push_back({function.name, std::string(SourceName(function)), function.line});
    }
    const int64_t parent = nodes[i].parent == CallTree::kRoot ? -1 : place[nodes[i].parent];
    place[i] = static_cast<int64_t>(rows.size());
    rows.push_back({parent, name, totals[i]});
  }
  return {
      {"total", totals[CallTree::kRoot]}, {"names", std::move(names)}, {"nodes", std::move(rows)}};
}

}  // namespace

nlohmann::json ProfileJson(const Profile& profile, const CallGraph& graph) {
  nlohmann::json functions = FunctionsJson(graph);
  const size_t listed = functions.size();
  // Fails only where a root or leaf was asked for.
  const Result<std::string> dot = WriteDot(graph, DotOptions());
  return {{"total_ns", profile.tree.TotalNs()},
          {"requests", profile.requests},
          {"samples", profile.samples},
          {"samples_incomplete", profile.samples_incomplete.Incomplete()},
          {"stack_ends", DescribeStackEnds(profile.samples_incomplete)},
          {"functions", std::move(functions)},
          {"functions_left", graph.functions.size() - listed},
          {"tree", TreeJson(profile.tree)},
          {"dot", dot ? *dot : ""}};
}

}  // namespace pinfo::html

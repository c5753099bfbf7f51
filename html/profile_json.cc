#include "html/profile_json.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <iterator>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "collector/emit/dot.h"
#include "collector/emit/json_text.h"
#include "html/data_script.h"

namespace pinfo::html {
namespace {

// More than anybody reads; a deep C++ program has tens of thousands.
constexpr size_t kListedFunctions = 2000;
// A box of less than this part of the whole is narrower than a tenth of a pixel.
constexpr int64_t kNarrowestPart = 10'000;

// The function's number in the DOT text is its place in the graph.
std::string FunctionsJson(const CallGraph& graph) {
  std::vector<size_t> order(graph.functions.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater{},
                           [&](size_t index) { return graph.functions[index].total_ns; });
  order.resize(std::min(order.size(), kListedFunctions));
  std::string json = "[";
  const auto to = std::back_inserter(json);
  for (const size_t index : order) {
    const CallGraph::FunctionCost& cost = graph.functions[index];
    const Function& function = cost.function;
    // A frame in brackets stands for time without samples.
    const bool sampled = graph.calls_are_samples && !function.name.starts_with('[');
    fmt::format_to(to, R"({}{{"node":{},"name":)", json.size() == 1 ? "" : ",", index);
    AppendJsonString(json, function.name);
    json += R"(,"file":)";
    AppendJsonString(json, function.file);
    json += R"(,"module":)";
    AppendJsonString(json, function.module);
    fmt::format_to(to, R"(,"line":{},"self_ns":{},"total_ns":{},"samples":{}}})", function.line,
                   cost.self_ns, cost.total_ns, sampled ? std::to_string(cost.calls) : "null");
  }
  return json + "]";
}

using Times = std::array<int64_t, kTimeKindCount>;

void AppendTimes(std::string& json, const Times& times) {
  fmt::format_to(std::back_inserter(json), "[{}]", fmt::join(times, ","));
}

// names: [name, place], nodes: [parent, index of names, times by kind]. What is too narrow to be
// seen is left out with all below it: its time is part of its callers' totals.
std::string TreeJson(const CallTree& lined) {
  const CallTree tree = WithoutLines(lined);
  const std::vector<CallTree::Node>& nodes = tree.nodes();
  std::vector<Times> totals(nodes.size());
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
  std::string names;
  std::string rows;
  int64_t name_count = 0;
  int64_t row_count = 0;
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
      names += name_count == 0 ? "[" : ",[";
      AppendJsonString(names, function.name);
      names += ',';
      AppendJsonString(names, SourceName(function));
      fmt::format_to(std::back_inserter(names), ",{}]", function.line);
      name = name_count++;
    }
    const int64_t parent = nodes[i].parent == CallTree::kRoot ? -1 : place[nodes[i].parent];
    fmt::format_to(std::back_inserter(rows), "{}[{},{},", row_count == 0 ? "" : ",", parent, name);
    AppendTimes(rows, totals[i]);
    rows += ']';
    place[i] = row_count++;
  }
  std::string json = R"({"total":)";
  AppendTimes(json, totals[CallTree::kRoot]);
  return json + R"(,"names":[)" + names + R"(],"nodes":[)" + rows + "]}";
}

}  // namespace

std::string ProfileJson(const Profile& profile, const CallGraph& graph) {
  // Fails only where a root or leaf was asked for.
  const std::string dot = WriteDot(graph, DotOptions()).value_or("");
  const size_t functions = graph.functions.size();
  JsonObject json;
  json.Add("total_ns", profile.tree.TotalNs());
  json.Add("requests", profile.requests);
  json.Add("samples", profile.samples);
  json.Add("samples_incomplete", profile.samples_incomplete.Incomplete());
  json.Add("stack_ends", DescribeStackEnds(profile.samples_incomplete));
  json.AddText("functions", FunctionsJson(graph));
  json.Add("functions_left", functions - std::min(functions, kListedFunctions));
  json.AddText("tree", TreeJson(profile.tree));
  json.AddText("dot", JsonString(dot));
  return std::move(json).Take();
}

}  // namespace pinfo::html

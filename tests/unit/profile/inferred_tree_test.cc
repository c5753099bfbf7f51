#include "collector/profile/inferred_tree.h"

#include <map>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace pinfo {
namespace {

// Stacks as "main;parse" with their own time.
std::map<std::string, int64_t> Stacks(const CallTree& tree) {
  std::map<std::string, int64_t> stacks;
  for (CallTree::NodeIndex i = 1; i < tree.nodes().size(); ++i) {
    std::string stack;
    for (CallTree::NodeIndex at = i; at != CallTree::kRoot; at = tree.nodes()[at].parent) {
      stack = tree.functions()[tree.nodes()[at].function].name + (stack.empty() ? "" : ";") + stack;
    }
    for (const int64_t ns : tree.nodes()[i].self_ns) {
      if (ns != 0) {
        stacks[stack] += ns;
      }
    }
  }
  return stacks;
}

TEST(InferCallTree, IsTheTreeWhereEveryFunctionHasOneCaller) {
  CallTree tree;
  const auto main = tree.AddFunction({.name = "main"});
  const auto parse = tree.AddFunction({.name = "parse"});
  const auto read = tree.AddFunction({.name = "read"});
  const auto waiting = tree.AddFunction({.name = kWaitingFrame});
  tree.AddStack(std::vector{main}, TimeKind::kOnCpu, 5, 1);
  tree.AddStack(std::vector{main, parse}, TimeKind::kOnCpu, 10, 1);
  tree.AddStack(std::vector{main, parse, read}, TimeKind::kBlocked, 20, 1);
  tree.AddStack(std::vector{waiting}, TimeKind::kWaiting, 40, 0);
  const CallTree inferred = InferCallTree(BuildCallGraph(tree));
  EXPECT_EQ(Stacks(inferred), Stacks(tree));
  EXPECT_EQ(inferred.nodes().back().self_ns[static_cast<size_t>(TimeKind::kWaiting)], 40);
}

TEST(InferCallTree, SharesOutAmongCallers) {
  CallTree tree;
  const auto a = tree.AddFunction({.name = "a"});
  const auto b = tree.AddFunction({.name = "b"});
  const auto shared = tree.AddFunction({.name = "shared"});
  const auto below = tree.AddFunction({.name = "below"});
  tree.AddStack(std::vector{a, shared, below}, TimeKind::kOnCpu, 30, 1);
  tree.AddStack(std::vector{b, shared, below}, TimeKind::kOnCpu, 10, 1);
  EXPECT_EQ(Stacks(InferCallTree(BuildCallGraph(tree))),
            (std::map<std::string, int64_t>{{"a;shared;below", 30}, {"b;shared;below", 10}}));
}

TEST(InferCallTree, KeepsTheTotalWhateverTheGraph) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 100; ++round) {
    CallGraphBuilder builder;
    const auto pick = [&](uint64_t count) { return static_cast<int64_t>(random() % count); };
    std::vector<CallGraph::FunctionIndex> functions;
    for (int i = 0; i < 12; ++i) {
      functions.push_back(builder.AddFunction({.name = std::to_string(i)}));
      builder.AddCost(functions.back(),
                      {.function = {}, .self_ns = pick(1000), .total_ns = pick(2000)});
    }
    for (int i = 0; i < 30; ++i) {  // cycles and totals that contradict each other included
      builder.AddEdgeCost(builder.AddEdge(functions[random() % 12], functions[random() % 12]),
                          {.self_ns = 1, .total_ns = pick(1500)});
    }
    const CallGraph graph = std::move(builder).Finish(false);
    EXPECT_EQ(InferCallTree(graph).TotalNs(), graph.SelfTotalNs());
  }
  EXPECT_EQ(InferCallTree({}).TotalNs(), 0);
}

}  // namespace
}  // namespace pinfo

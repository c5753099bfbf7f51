#include "collector/profile/call_graph.h"

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pinfo {
namespace {

using Stack = std::vector<std::string>;

class Tree {
 public:
  Tree& Add(const Stack& stack, int64_t ns, int64_t samples, TimeKind kind = TimeKind::kOnCpu) {
    std::vector<CallTree::FunctionIndex> functions;
    for (const std::string& name : stack) {
      functions.push_back(tree_.AddFunction({.name = name}));
    }
    tree_.AddStack(functions, kind, ns, samples);
    return *this;
  }
  [[nodiscard]] CallGraph Graph() const { return BuildCallGraph(tree_); }

 private:
  CallTree tree_;
};

const CallGraph::FunctionCost& Cost(const CallGraph& graph, const std::string& name) {
  const auto it = std::find_if(graph.functions.begin(), graph.functions.end(),
                               [&](const auto& cost) { return cost.function.name == name; });
  EXPECT_NE(it, graph.functions.end()) << name;
  return *it;
}

const CallGraph::Edge* FindEdge(const CallGraph& graph, const std::string& caller,
                                const std::string& callee) {
  for (const CallGraph::Edge& edge : graph.edges) {
    if (graph.functions[edge.caller].function.name == caller &&
        graph.functions[edge.callee].function.name == callee) {
      return &edge;
    }
  }
  return nullptr;
}

TEST(BuildCallGraph, OfNothingIsEmpty) {
  const CallGraph graph = BuildCallGraph(CallTree());
  EXPECT_TRUE(graph.functions.empty());
  EXPECT_TRUE(graph.edges.empty());
  EXPECT_EQ(graph.TotalNs(), 0);
}

TEST(BuildCallGraph, SumsSelfTotalAndSamples) {
  const CallGraph graph =
      Tree().Add({"main", "work"}, 30, 3).Add({"main"}, 10, 1).Add({"main", "io"}, 60, 2).Graph();
  EXPECT_EQ(Cost(graph, "main").self_ns, 10);
  EXPECT_EQ(Cost(graph, "main").total_ns, 100);
  EXPECT_EQ(Cost(graph, "main").calls, 6);
  EXPECT_EQ(Cost(graph, "work").total_ns, 30);
  const CallGraph::Edge* edge = FindEdge(graph, "main", "io");
  ASSERT_NE(edge, nullptr);
  EXPECT_EQ(edge->total_ns, 60);
  EXPECT_EQ(edge->calls, 2);
  EXPECT_EQ(graph.TotalNs(), 100);
  EXPECT_TRUE(graph.calls_are_samples);
}

TEST(BuildCallGraph, CountsRecursionOnce) {
  const CallGraph graph = Tree()
                              .Add({"main", "a", "b", "a", "b"}, 40, 4)
                              .Add({"main", "a", "a"}, 10, 1)
                              .Add({"main", "a"}, 5, 1)
                              .Graph();
  EXPECT_EQ(Cost(graph, "a").total_ns, 55);
  EXPECT_EQ(Cost(graph, "a").self_ns, 15);
  EXPECT_EQ(Cost(graph, "a").calls, 6);
  EXPECT_EQ(Cost(graph, "b").total_ns, 40);
  EXPECT_EQ(Cost(graph, "b").calls, 4);
  EXPECT_EQ(FindEdge(graph, "a", "b")->total_ns, 40);
  EXPECT_EQ(FindEdge(graph, "a", "b")->calls, 4);
  EXPECT_EQ(FindEdge(graph, "b", "a")->total_ns, 40);
  EXPECT_EQ(FindEdge(graph, "a", "a")->total_ns, 10);
  EXPECT_EQ(FindEdge(graph, "main", "a")->total_ns, 55);
}

TEST(BuildCallGraph, KeepsKindsOfTime) {
  const CallGraph graph =
      Tree().Add({"main", "read"}, 30, 3).Add({"main", "read"}, 70, 1, TimeKind::kBlocked).Graph();
  const auto on_cpu = static_cast<size_t>(TimeKind::kOnCpu);
  const auto blocked = static_cast<size_t>(TimeKind::kBlocked);
  EXPECT_EQ(Cost(graph, "read").self_by_kind[on_cpu], 30);
  EXPECT_EQ(Cost(graph, "read").self_by_kind[blocked], 70);
  EXPECT_EQ(Cost(graph, "main").self_by_kind[blocked], 0);
  EXPECT_EQ(Cost(graph, "main").total_by_kind[blocked], 70);
}

TEST(BuildCallGraph, FramesWithoutSamplesCountAsOneCall) {
  const CallGraph graph =
      Tree().Add({"main", kWaitingFrame}, 500, 0, TimeKind::kWaiting).Add({}, 20, 0).Graph();
  EXPECT_EQ(Cost(graph, kWaitingFrame).calls, 1);
  EXPECT_EQ(Cost(graph, "main").calls, 1);
  EXPECT_EQ(Cost(graph, kUnsampledFrame).total_ns, 20);
  EXPECT_EQ(graph.TotalNs(), 520);
}

TEST(BuildCallGraph, TakesTheSameSourceFunctionOfTwoModulesAsOne) {
  CallTree tree;
  const auto one = tree.AddFunction({.name = "f", .file = "f.h", .module = "a.so", .line = 3});
  const auto two = tree.AddFunction({.name = "f", .file = "f.h", .module = "b.so", .line = 3});
  const auto other = tree.AddFunction({.name = "f", .module = "a.so"});
  tree.AddStack(std::vector{one}, TimeKind::kOnCpu, 1, 1);
  tree.AddStack(std::vector{two}, TimeKind::kOnCpu, 2, 1);
  tree.AddStack(std::vector{other}, TimeKind::kOnCpu, 4, 1);
  const CallGraph graph = BuildCallGraph(tree);
  ASSERT_EQ(graph.functions.size(), 2U);
  EXPECT_EQ(graph.functions[0].total_ns, 3);
  EXPECT_EQ(graph.functions[1].total_ns, 4);
}

TEST(BuildCallGraph, MakesNamesValidUtf8) {
  const CallGraph graph = Tree().Add({"bad\xFF"}, 1, 1).Add({"bad\xFE"}, 2, 1).Graph();
  ASSERT_EQ(graph.functions.size(), 1U);
  EXPECT_EQ(graph.functions[0].function.name, "bad\xEF\xBF\xBD");
  EXPECT_EQ(graph.functions[0].total_ns, 3);
}

// The definition itself, stack by stack, against the tree walk.
TEST(BuildCallGraph, EqualsCountingStackByStack) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    Tree tree;
    std::map<std::string, std::pair<int64_t, int64_t>> totals;
    std::map<std::pair<std::string, std::string>, std::pair<int64_t, int64_t>> edges;
    for (int i = 0; i < 30; ++i) {
      Stack stack(1 + random() % 8);
      for (std::string& name : stack) {
        name = static_cast<char>('a' + random() % 4);
      }
      const int64_t ns = random() % 100;
      const int64_t samples = 1 + random() % 3;
      tree.Add(stack, ns, samples);
      for (const std::string& name : std::set<std::string>(stack.begin(), stack.end())) {
        totals[name].first += ns;
        totals[name].second += samples;
      }
      std::set<std::pair<std::string, std::string>> pairs;
      for (size_t k = 1; k < stack.size(); ++k) {
        pairs.emplace(stack[k - 1], stack[k]);
      }
      for (const auto& pair : pairs) {
        edges[pair].first += ns;
        edges[pair].second += samples;
      }
    }
    const CallGraph graph = tree.Graph();
    ASSERT_EQ(graph.functions.size(), totals.size());
    for (const auto& [name, sums] : totals) {
      ASSERT_EQ(Cost(graph, name).total_ns, sums.first);
      ASSERT_EQ(Cost(graph, name).calls, sums.second);
    }
    ASSERT_EQ(graph.edges.size(), edges.size());
    for (const auto& [pair, sums] : edges) {
      const CallGraph::Edge* edge = FindEdge(graph, pair.first, pair.second);
      ASSERT_NE(edge, nullptr);
      ASSERT_EQ(edge->total_ns, sums.first);
      ASSERT_EQ(edge->calls, sums.second);
    }
  }
}

TEST(BuildCallGraph, WalksDeepTreesWithoutTheStack) {
  CallTree tree;
  std::vector<CallTree::FunctionIndex> stack;
  for (int i = 0; i < 200000; ++i) {
    stack.push_back(tree.AddFunction({.name = std::to_string(i % 1000)}));
  }
  tree.AddStack(stack, TimeKind::kOnCpu, 9, 1);
  const CallGraph graph = BuildCallGraph(tree);
  EXPECT_EQ(graph.functions.size(), 1000U);
  EXPECT_EQ(graph.functions[0].total_ns, 9);
}

TEST(MergeCallGraphs, AddsByName) {
  const CallGraph a = Tree().Add({"main", "f"}, 10, 1).Graph();
  const CallGraph b = Tree().Add({"f", "main"}, 5, 1).Add({"main", "f"}, 1, 1).Graph();
  const CallGraph sum = MergeCallGraphs(a, b);
  EXPECT_EQ(sum.functions.size(), 2U);
  EXPECT_EQ(Cost(sum, "f").total_ns, 16);
  EXPECT_EQ(FindEdge(sum, "main", "f")->total_ns, 11);
  EXPECT_EQ(FindEdge(sum, "f", "main")->total_ns, 5);
  EXPECT_TRUE(sum.calls_are_samples);
  CallGraph exact = b;
  exact.calls_are_samples = false;
  EXPECT_FALSE(MergeCallGraphs(a, exact).calls_are_samples);
}

TEST(MergeCallGraphs, SaturatesInsteadOfOverflowing) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const CallGraph big = Tree().Add({"f"}, kMost, kMost).Graph();
  const CallGraph sum = MergeCallGraphs(big, big);
  EXPECT_EQ(sum.functions[0].total_ns, kMost);
  EXPECT_EQ(sum.functions[0].calls, kMost);
}

TEST(StripDirectories, AddsUpWhatBecomesTheSame) {
  CallTree tree;
  const auto one = tree.AddFunction({.name = "f", .file = "/a/x.py", .line = 1});
  const auto two = tree.AddFunction({.name = "f", .file = "/b/x.py", .line = 1});
  const auto native = tree.AddFunction({.name = "g", .module = "/lib/libc.so.6"});
  tree.AddStack(std::vector{one}, TimeKind::kOnCpu, 1, 1);
  tree.AddStack(std::vector{two, native}, TimeKind::kOnCpu, 2, 1);
  const CallGraph stripped = StripDirectories(BuildCallGraph(tree));
  ASSERT_EQ(stripped.functions.size(), 2U);
  EXPECT_EQ(SourceName(stripped.functions[0].function), "x.py");
  EXPECT_EQ(stripped.functions[0].total_ns, 3);
  EXPECT_EQ(SourceName(stripped.functions[1].function), "libc.so.6");
}

}  // namespace
}  // namespace pinfo

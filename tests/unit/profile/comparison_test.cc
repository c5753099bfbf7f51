#include "collector/profile/comparison.h"

#include <random>

#include <gtest/gtest.h>

namespace pinfo {
namespace {

TEST(CompareTrees, HasTheStacksOfBoth) {
  CallTree before;
  const auto b_main = before.AddFunction({.name = "main"});
  const auto b_gone = before.AddFunction({.name = "gone"});
  before.AddStack(std::vector{b_main}, TimeKind::kBlocked, 5, 1);
  before.AddStack(std::vector{b_main, b_gone}, TimeKind::kOnCpu, 7, 1);
  CallTree after;
  const auto a_new = after.AddFunction({.name = "new"});
  const auto a_main = after.AddFunction({.name = "main"});
  after.AddFrames(std::vector<CallTree::Frame>{{a_main, 3}}, TimeKind::kOnCpu, 1, 1);
  after.AddFrames(std::vector<CallTree::Frame>{{a_main, 4}, {a_new, 9}}, TimeKind::kOnCpu, 2, 1);

  const TreeComparison comparison = CompareTrees(before, after);
  ASSERT_EQ(comparison.tree.nodes().size(), 4U);  // the root, main, new, gone
  EXPECT_EQ(comparison.tree.TotalNs(), 3);
  const auto name = [&](size_t node) {
    return comparison.tree.functions()[comparison.tree.nodes()[node].function].name;
  };
  EXPECT_EQ(name(1), "main");
  EXPECT_EQ(comparison.before_self_ns[1], 5);
  EXPECT_EQ(name(2), "new");
  EXPECT_EQ(comparison.before_self_ns[2], 0);
  EXPECT_EQ(name(3), "gone");
  EXPECT_EQ(comparison.before_self_ns[3], 7);
}

TEST(ScaleTimes, LosesNothingToRounding) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 50; ++round) {
    CallTree tree;
    std::vector<CallTree::FunctionIndex> stack;
    for (int i = 0; i < 100; ++i) {
      stack.push_back(tree.AddFunction({.name = std::to_string(random() % 40)}));
      tree.AddStack(stack, static_cast<TimeKind>(random() % kTimeKindCount),
                    static_cast<int64_t>(random() % 1000), 1);
    }
    const auto divisor = static_cast<int64_t>(1 + random() % 50);
    const CallTree scaled = ScaleTimes(tree, 3, divisor);
    EXPECT_EQ(scaled.TotalNs(), tree.TotalNs() * 3 / divisor);
    EXPECT_EQ(scaled.nodes().size(), tree.nodes().size());
  }
}

}  // namespace
}  // namespace pinfo

#include "collector/profile/call_tree.h"

#include <vector>

#include <gtest/gtest.h>

namespace pinfo {
namespace {

TEST(CallTree, AddsEqualStacksToOneNode) {
  CallTree tree;
  const auto main = tree.AddFunction({.name = "main"});
  const auto work = tree.AddFunction({.name = "work"});
  EXPECT_EQ(tree.AddFunction({.name = "main"}), main);
  tree.AddStack(std::vector{main, work}, TimeKind::kOnCpu, 5, 1);
  tree.AddStack(std::vector{main, work}, TimeKind::kBlocked, 7, 2);
  ASSERT_EQ(tree.nodes().size(), 3U);
  EXPECT_EQ(tree.nodes()[2].self_ns[static_cast<size_t>(TimeKind::kOnCpu)], 5);
  EXPECT_EQ(tree.nodes()[2].self_ns[static_cast<size_t>(TimeKind::kBlocked)], 7);
  EXPECT_EQ(tree.TotalNs(), 12);
  EXPECT_EQ(tree.TotalSamples(), 3);
}

TEST(CallTree, IsEmptyUntilItHasTime) {
  CallTree tree;
  EXPECT_TRUE(tree.empty());
  tree.AddStack({}, TimeKind::kWaiting, 3, 0);
  EXPECT_FALSE(tree.empty());
}

TEST(CallTree, MergesByFunctionNotByIndex) {
  CallTree a;
  const auto a_main = a.AddFunction({.name = "main"});
  const auto a_work = a.AddFunction({.name = "work"});
  a.AddStack(std::vector{a_main, a_work}, TimeKind::kOnCpu, 10, 1);
  CallTree b;
  const auto b_work = b.AddFunction({.name = "work"});
  const auto b_main = b.AddFunction({.name = "main"});
  b.AddStack(std::vector{b_main, b_work}, TimeKind::kOnCpu, 20, 2);
  b.AddStack(std::vector{b_work}, TimeKind::kRunqueue, 4, 0);
  a.Merge(b);
  EXPECT_EQ(a.functions().size(), 2U);
  EXPECT_EQ(a.nodes().size(), 4U);
  EXPECT_EQ(a.TotalNs(), 34);
  EXPECT_EQ(a.TotalSamples(), 3);
}

TEST(CallTree, TellsLinesApartUntilTheyAreTakenAway) {
  CallTree tree;
  const auto main = tree.AddFunction({.name = "main"});
  const auto work = tree.AddFunction({.name = "work"});
  const auto add = [&](int32_t line, int64_t time_ns) {
    tree.AddFrames(std::vector<CallTree::Frame>{{main, line}, {work, 7}}, TimeKind::kOnCpu, time_ns,
                   1);
  };
  add(1, 5);
  add(2, 6);
  add(1, 7);
  ASSERT_EQ(tree.nodes().size(), 5U);
  EXPECT_EQ(tree.nodes()[3].line, 2);
  const CallTree without = WithoutLines(tree);
  ASSERT_EQ(without.nodes().size(), 3U);
  EXPECT_EQ(without.nodes()[2].self_ns[0], 18);
  EXPECT_EQ(without.TotalSamples(), 3);
}

TEST(CallTree, MergesIntoItself) {
  CallTree tree;
  tree.AddStack(std::vector{tree.AddFunction({.name = "main"})}, TimeKind::kOnCpu, 5, 1);
  tree.Merge(tree);
  EXPECT_EQ(tree.nodes().size(), 2U);
  EXPECT_EQ(tree.TotalNs(), 10);
}

TEST(FrameWithoutStack, IsToldByItsNameWhereItHasNoFile) {
  EXPECT_TRUE(IsFrameWithoutStack({.name = "[blocked]"}));
  EXPECT_TRUE(IsFrameWithoutStack({.name = "[blocked]", .file = "~"}));
  EXPECT_FALSE(IsFrameWithoutStack({.name = "[blocked]", .file = "/a.py"}));
  EXPECT_FALSE(IsFrameWithoutStack({.name = "blocked"}));
  EXPECT_EQ(KindOfFrameWithoutStack({.name = "[waiting for a CPU]"}), TimeKind::kRunqueue);
}

}  // namespace
}  // namespace pinfo

#include "collector/views/verdict.h"

#include <initializer_list>
#include <vector>

#include <gmock/gmock.h>

#include "collector/profile/libraries.h"

namespace pinfo {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kLibc = "/usr/lib/x86_64-linux-gnu/libc.so.6";
constexpr const char* kSqlite = "/usr/lib/x86_64-linux-gnu/libsqlite3.so.0.8.6";

RequestRow Row(int64_t on_cpu, int64_t blocked, int64_t runqueue) {
  RequestRow row;
  row.latency_ns = on_cpu + blocked + runqueue;
  row.on_cpu_ns = on_cpu;
  row.blocked_ns = blocked;
  row.runqueue_ns = runqueue;
  return row;
}

void Add(CallTree& tree, std::initializer_list<Function> root_first, TimeKind kind, int64_t ns,
         int64_t samples = 100) {
  std::vector<CallTree::FunctionIndex> stack;
  for (const Function& function : root_first) {
    stack.push_back(tree.AddFunction(function));
  }
  tree.AddStack(stack, kind, ns, samples);
}

const Function kMain{"main", "", "/srv/app", 0};
const Function kView{"views.py:product_list", "/srv/shop/views.py", "", 20};

TEST(Verdict, NamesTheGroupAndTheWait) {
  CallTree tree;
  const Function render{"Template.render", "/usr/lib/python3/django/template/base.py", "", 1};
  const Function nodes{"NodeList.render", "/usr/lib/python3/django/template/base.py", "", 2};
  Add(tree, {kMain, kView, render, nodes}, TimeKind::kOnCpu, 15);
  Add(tree, {kMain, kView, render}, TimeKind::kOnCpu, 7);
  Add(tree, {kMain, kView}, TimeKind::kOnCpu, 9);
  Add(tree,
      {kMain, kView, {"sqlite3_step", "", kSqlite}, {"pager", "", kSqlite}, {"pread64", "", kLibc}},
      TimeKind::kBlocked, 64);
  EXPECT_EQ(DescribeTime(Row(31, 64, 5), tree),
            "31% on CPU (Django template rendering 22%), 64% blocked in sqlite3_step, "
            "5% waiting for a CPU");
}

TEST(Verdict, AFunctionThatDominatesIsNamedAboveTheLeavesItSplitsInto) {
  CallTree tree;
  const Function parse{"parse(char const*)", "", "/srv/app"};
  Add(tree, {kMain, parse, {"a()", "", "/srv/app"}}, TimeKind::kOnCpu, 20);
  Add(tree, {kMain, parse, {"b()", "", "/srv/app"}}, TimeKind::kOnCpu, 20);
  Add(tree, {kMain, parse, {"c()", "", "/srv/app"}}, TimeKind::kOnCpu, 20);
  Add(tree, {kMain}, TimeKind::kOnCpu, 40);
  EXPECT_EQ(DescribeTime(Row(100, 0, 0), tree), "100% on CPU (parse 60%)");
}

TEST(Verdict, LibcAndTheStandardLibraryAreNotWhereTheApplicationWaits) {
  CallTree tree;
  const Function enter{"enter_critical_section(int)", "", "/srv/app"};
  Add(tree,
      {kMain,
       enter,
       {"std::mutex::lock()", "", "/srv/app"},
       {"void std::unique_lock<std::mutex>::lock()", "", "/srv/app"},
       {"pthread_mutex_lock", "", "/build/libpinfo.so"},
       {"__lll_lock_wait", "", kLibc}},
      TimeKind::kBlocked, 95);
  EXPECT_EQ(DescribeTime(Row(5, 95, 0), tree), "5% on CPU, 95% blocked in enter_critical_section");
}

TEST(Verdict, SeveralWaitsAreNamedByTheLargestWithItsShare) {
  CallTree tree;
  Add(tree, {kMain, {"query", "", "/srv/app"}, {"recv", "", kLibc}}, TimeKind::kBlocked, 50);
  Add(tree, {kMain, {"pause", "", "/srv/app"}, {"nanosleep", "", kLibc}}, TimeKind::kBlocked, 30);
  Add(tree, {{kBlockedFrame}}, TimeKind::kBlocked, 20, 0);
  EXPECT_EQ(DescribeTime(Row(0, 100, 0), tree), "100% blocked (query 50%)");
}

TEST(Verdict, SaysOnHowFewSamplesAShareRests) {
  CallTree tree;
  Add(tree, {kMain, {"f", "", "/srv/app"}}, TimeKind::kOnCpu, 100, 1);
  EXPECT_EQ(DescribeTime(Row(100, 0, 0), tree), "100% on CPU (f 100% by one sample)");
  Add(tree, {kMain, {"f", "", "/srv/app"}}, TimeKind::kOnCpu, 0, 2);
  EXPECT_THAT(DescribeTime(Row(100, 0, 0), tree), HasSubstr("by 3 samples"));
}

TEST(Verdict, TimeWithoutAStackNamesNothing) {
  CallTree tree;
  Add(tree, {{kUnsampledFrame}}, TimeKind::kOnCpu, 50, 0);
  Add(tree, {{kBlockedFrame}}, TimeKind::kBlocked, 50, 0);
  EXPECT_EQ(DescribeTime(Row(50, 50, 0), tree), "50% on CPU, 50% blocked");
  EXPECT_EQ(DescribeTime(Row(50, 50, 0), CallTree()), "50% on CPU, 50% blocked");
  EXPECT_THAT(DescribeTime(RequestRow{}, tree), Not(testing::IsEmpty()));
}

TEST(Verdict, KnowsLibrariesByPathAndModule) {
  EXPECT_EQ(WellKnownPart({"dumps", "/usr/lib/python3.11/json/__init__.py", "", 1}), "JSON");
  EXPECT_EQ(WellKnownPart({"deflate", "", "/lib/x86_64-linux-gnu/libz.so.1.2.13"}), "zlib");
  EXPECT_EQ(WellKnownPart({"EVP_DigestUpdate", "", "/usr/lib/libcrypto.so.3"}), "OpenSSL");
  EXPECT_EQ(WellKnownPart(kMain), "");
}

}  // namespace
}  // namespace pinfo

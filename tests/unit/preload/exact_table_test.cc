// The counting of --exact, by a scripted sequence of calls: times are what the test says they are.
extern "C" {
#include "preload/exact_table.h"
}

#include <memory>

#include <gtest/gtest.h>

namespace {

class ExactTableTest : public testing::Test {
 protected:
  void SetUp() override { pinfo_exact_begin(table_.get(), 100); }

  int Enter(uint64_t code, uint64_t now, uint64_t frame = 0) {
    return pinfo_exact_enter(table_.get(), code, 7, frame != 0 ? frame : code, 0, now);
  }
  int Leave(uint64_t code, uint64_t now) { return pinfo_exact_leave(table_.get(), code, 0, now); }

  const pinfo_exact_function& Function(uint64_t code) {
    for (uint32_t i = 0; i < table_->functions; ++i) {
      if (table_->out_functions[i].code == code) {
        return table_->out_functions[i];
      }
    }
    ADD_FAILURE() << code << " is not in the profile";
    return table_->out_functions[0];
  }
  const pinfo_exact_edge& Edge(uint64_t caller, uint64_t callee) {
    for (uint32_t i = 0; i < table_->edges; ++i) {
      const pinfo_exact_edge& edge = table_->out_edges[i];
      if (table_->out_functions[edge.caller].code == caller &&
          table_->out_functions[edge.callee].code == callee) {
        return edge;
      }
    }
    ADD_FAILURE() << caller << " does not call " << callee;
    return table_->out_edges[0];
  }

  std::unique_ptr<pinfo_exact_table> table_ = std::make_unique<pinfo_exact_table>();
};

void ExpectFigures(const auto& found, uint32_t calls, uint32_t primitive, uint64_t self,
                   uint64_t total) {
  EXPECT_EQ(found.calls, calls);
  EXPECT_EQ(found.primitive_calls, primitive);
  EXPECT_EQ(found.self_ns, self);
  EXPECT_EQ(found.total_ns, total);
}

TEST_F(ExactTableTest, OwnAndTotalTimesOfNestedCalls) {
  EXPECT_TRUE(Enter(1, 100));
  EXPECT_TRUE(Enter(2, 110));
  EXPECT_TRUE(Leave(2, 130));
  EXPECT_FALSE(Enter(2, 140));
  EXPECT_TRUE(Leave(2, 145));
  EXPECT_TRUE(Leave(1, 200));
  EXPECT_EQ(pinfo_exact_compile(table_.get(), 300), 300U);
  ExpectFigures(Function(1), 1, 1, 75, 100);
  ExpectFigures(Function(2), 2, 2, 25, 25);
  ExpectFigures(Edge(1, 2), 2, 2, 25, 25);
  EXPECT_EQ(table_->edges, 1U);
}

TEST_F(ExactTableTest, RecursionCountsItsTotalOnce) {
  Enter(1, 0, 11);
  Enter(1, 10, 12);
  Enter(1, 20, 13);
  EXPECT_TRUE(Leave(13, 30));
  EXPECT_TRUE(Leave(12, 40));
  EXPECT_TRUE(Leave(11, 50));
  pinfo_exact_compile(table_.get(), 50);
  ExpectFigures(Function(1), 3, 1, 50, 50);
  // As cProfile has it: the edge recurs within the edge.
  ExpectFigures(Edge(1, 1), 2, 1, 30, 30);
}

TEST_F(ExactTableTest, ReturnsOfCallsFromBeforeAreIgnoredAndOthersTellThatNothingNests) {
  EXPECT_TRUE(Leave(5, 110));
  Enter(1, 120);
  EXPECT_FALSE(Leave(5, 130));
  EXPECT_FALSE(pinfo_exact_leave(table_.get(), 1, 1, 130)) << "a C function's return";
}

TEST_F(ExactTableTest, WhatFollowsTheLastMarkIsLeftOutAndOpenCallsEndThere) {
  Enter(1, 100);
  Enter(2, 110);
  pinfo_exact_mark(table_.get(), 150);
  EXPECT_TRUE(Leave(2, 170));
  Enter(3, 170);
  EXPECT_TRUE(Leave(3, 180));
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(pinfo_exact_compile(table_.get(), 500), 150U);
    ExpectFigures(Function(1), 1, 1, 10, 50);
    ExpectFigures(Function(2), 1, 1, 40, 40);
    EXPECT_EQ(Function(3).calls, 0U);
  }
  pinfo_exact_mark(table_.get(), 200);
  EXPECT_TRUE(Leave(1, 900));
  EXPECT_EQ(pinfo_exact_compile(table_.get(), 900), 200U);
  ExpectFigures(Function(1), 1, 1, 30, 100);
  ExpectFigures(Function(2), 1, 1, 60, 60);
  ExpectFigures(Function(3), 1, 1, 10, 10);
  ExpectFigures(Edge(1, 3), 1, 1, 10, 10);
}

TEST_F(ExactTableTest, OwnTimesAddUpWhateverIsMarked) {
  Enter(1, 100);
  for (uint64_t i = 0; i < 50; ++i) {
    const uint64_t now = 110 + i * 10;
    Enter(2 + i % 3, now);
    if (i % 4 == 0) {
      pinfo_exact_mark(table_.get(), now + 3);
    }
    EXPECT_TRUE(Leave(2 + i % 3, now + 5));
  }
  const uint64_t end = pinfo_exact_compile(table_.get(), 10'000);
  uint64_t self = 0;
  for (uint32_t i = 0; i < table_->functions; ++i) {
    self += table_->out_functions[i].self_ns;
  }
  EXPECT_EQ(self, end - 100);
}

TEST_F(ExactTableTest, CallsWithoutRoomAreCountedAndLeaveTheRestRight) {
  for (uint64_t i = 0; i < PINFO_EXACT_DEPTH + 10; ++i) {
    Enter(1, 100 + i, i + 1);
  }
  EXPECT_EQ(table_->uncounted_calls, 10U);
  for (uint64_t i = PINFO_EXACT_DEPTH + 10; i > 0; --i) {
    EXPECT_TRUE(Leave(i, 10'000));
  }
  EXPECT_EQ(table_->depth, 0U);
  pinfo_exact_begin(table_.get(), 0);
  Enter(1, 0);
  for (uint64_t code = 2; code < PINFO_EXACT_FUNCTIONS_MAX + 100; ++code) {
    Enter(code, 10);
    EXPECT_TRUE(Leave(code, 11));
  }
  EXPECT_TRUE(Leave(1, 20));
  EXPECT_EQ(table_->functions, PINFO_EXACT_FUNCTIONS_MAX);
  EXPECT_EQ(table_->uncounted_calls, 99U);
  pinfo_exact_compile(table_.get(), 20);
  EXPECT_EQ(Function(1).total_ns, 20U);
}

TEST_F(ExactTableTest, AnotherProfileBeginsEmpty) {
  Enter(1, 100);
  pinfo_exact_begin(table_.get(), 200);
  EXPECT_TRUE(Enter(1, 200)) << "new to this profile";
  EXPECT_TRUE(Leave(1, 210));
  pinfo_exact_compile(table_.get(), 300);
  ExpectFigures(Function(1), 1, 1, 10, 10);
}

}  // namespace

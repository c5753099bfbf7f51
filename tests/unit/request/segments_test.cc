#include "collector/request/segments.h"

#include <gtest/gtest.h>

namespace pinfo {
namespace {

Segment On(uint32_t tid, int64_t begin_ns, int64_t end_ns, uint64_t on_cpu, uint64_t blocked) {
  return {.tid = Tid{tid},
          .begin_ns = begin_ns,
          .end_ns = end_ns,
          .spent = {on_cpu, blocked, static_cast<uint64_t>(end_ns - begin_ns) - on_cpu - blocked},
          .adopted = false};
}

Segment Adopted(Segment segment) {
  segment.adopted = true;
  return segment;
}

uint64_t Sum(const Work& work) {
  return work.spent.on_cpu_ns + work.spent.blocked_ns + work.spent.runqueue_ns;
}

uint64_t Length(const Work& work) {
  uint64_t length = 0;
  for (const WorkPart& part : work.parts) {
    length += static_cast<uint64_t>(part.end_ns - part.begin_ns);
  }
  return length;
}

TEST(SegmentsTest, SegmentsAddUpAndTheGapsAreNobodys) {
  const Work work = WorkOf({On(1, 0, 10, 8, 2), On(1, 60, 100, 30, 5)}, 0, 100);
  EXPECT_EQ(work.spent.on_cpu_ns, 38U);
  EXPECT_EQ(work.spent.blocked_ns, 7U);
  EXPECT_EQ(work.spent.runqueue_ns, 5U);
  EXPECT_EQ(work.parts, (std::vector<WorkPart>{{Tid{1}, 0, 10}, {Tid{1}, 60, 100}}));
}

TEST(SegmentsTest, AMomentCountsOnceForTheThreadThatBeganLast) {
  // The reader goes on for 5 while the other thread has begun.
  const Work work = WorkOf({On(1, 0, 25, 25, 0), On(2, 20, 100, 50, 30)}, 0, 100);
  EXPECT_EQ(work.spent.on_cpu_ns, 70U);
  EXPECT_EQ(work.spent.blocked_ns, 30U);
  EXPECT_EQ(Sum(work), 100U);
  EXPECT_EQ(work.parts, (std::vector<WorkPart>{{Tid{1}, 0, 20}, {Tid{2}, 20, 100}}));
}

TEST(SegmentsTest, OneThatWaitsForAHelperKeepsItsWait) {
  const Work work = WorkOf({On(1, 0, 100, 10, 90), Adopted(On(2, 10, 95, 85, 0))}, 0, 100);
  EXPECT_EQ(work.spent.on_cpu_ns, 10U);
  EXPECT_EQ(work.spent.blocked_ns, 90U);
  EXPECT_EQ(work.parts, (std::vector<WorkPart>{{Tid{1}, 0, 100}}));
}

TEST(SegmentsTest, AHelperThatNobodyWaitsForInACallCounts) {
  // An event loop hands to a thread and sends what comes back.
  const Work work =
      WorkOf({On(1, 0, 10, 10, 0), Adopted(On(2, 5, 80, 70, 5)), On(1, 85, 90, 5, 0)}, 0, 90);
  EXPECT_EQ(work.parts,
            (std::vector<WorkPart>{{Tid{1}, 0, 10}, {Tid{2}, 10, 80}, {Tid{1}, 85, 90}}));
  EXPECT_EQ(Sum(work), 85U);
  EXPECT_EQ(work.spent.on_cpu_ns, 85U);  // what overlaps is taken off its blocked time first
}

TEST(SegmentsTest, NestedAndRepeatedOnesNeverExceedTheRequest) {
  for (int64_t shift = 0; shift < 50; ++shift) {
    const Work work =
        WorkOf({On(1, -20, 60, 40, 20), On(2, shift, shift + 30, 30, 0), On(3, 10, 70, 1, 59),
                Adopted(On(4, 0, 200, 150, 50)), Adopted(On(5, shift * 2, 90, 0, 0))},
               0, 100);
    EXPECT_LE(Sum(work), Length(work));
    EXPECT_LE(Length(work), 100U);
    for (size_t i = 1; i < work.parts.size(); ++i) {
      EXPECT_LE(work.parts[i - 1].end_ns, work.parts[i].begin_ns);
    }
  }
}

TEST(SegmentsTest, WhatLiesOutsideOrRunsBackwardsIsNothing) {
  EXPECT_TRUE(WorkOf({On(1, 200, 300, 100, 0)}, 0, 100).parts.empty());
  EXPECT_TRUE(WorkOf({{Tid{1}, 50, 40, {~0ULL, ~0ULL, ~0ULL}, false}}, 0, 100).parts.empty());
  EXPECT_TRUE(WorkOf({}, 0, 100).parts.empty());
  // A hostile producer's sums.
  EXPECT_EQ(Sum(WorkOf({{Tid{1}, 0, 100, {~0ULL, ~0ULL, ~0ULL}, false}}, 0, 100)), 100U);
}

}  // namespace
}  // namespace pinfo

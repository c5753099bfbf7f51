#include "collector/views/time_split.h"

#include <gmock/gmock.h>

namespace pinfo {
namespace {

using testing::HasSubstr;

RequestRow Row(int64_t latency, int64_t on_cpu, int64_t blocked, int64_t runqueue) {
  RequestRow row;
  row.latency_ns = latency;
  row.on_cpu_ns = on_cpu;
  row.blocked_ns = blocked;
  row.runqueue_ns = runqueue;
  return row;
}

TEST(TimeSplit, ReadsAsASentence) {
  EXPECT_EQ(DescribeTimeSplit(Row(100, 31, 64, 5)),
            "31% on CPU, 64% blocked, 5% waiting for a CPU");
}

TEST(TimeSplit, PercentagesAddUp) {
  EXPECT_EQ(DescribeTimeSplit(Row(3, 1, 1, 1)), "34% on CPU, 33% blocked, 33% waiting for a CPU");
  EXPECT_EQ(DescribeTimeSplit(Row(1000, 999, 1, 0)), "100% on CPU");
}

TEST(TimeSplit, WhatIsMissingIsNamed) {
  EXPECT_EQ(DescribeTimeSplit(Row(100, 10, 0, 0)), "10% on CPU, 90% unattributed");
  RequestRow unknown;
  unknown.latency_ns = 5;
  EXPECT_THAT(DescribeTimeSplit(unknown), HasSubstr("not known"));
  EXPECT_THAT(DescribeTimeSplit(Row(0, 0, 0, 0)), HasSubstr("no measurable time"));
}

TEST(TimeSplit, OpenWhileItsThreadDidSomethingElseIsWaiting) {
  RequestRow row = Row(100, 10, 0, 0);
  row.waiting_ns = 90;
  EXPECT_EQ(DescribeTimeSplit(row), "10% on CPU, 90% waiting");
}

TEST(TimeSplit, SurvivesFiguresThatCannotBe) {
  EXPECT_EQ(DescribeTimeSplit(Row(100, 500, -7, 500)), "100% on CPU");
}

}  // namespace
}  // namespace pinfo

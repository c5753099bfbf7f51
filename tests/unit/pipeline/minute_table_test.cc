#include "collector/pipeline/minute_table.h"

#include <gtest/gtest.h>

#include "collector/base/histogram.h"

namespace pinfo {
namespace {

RequestRow RowAt(int64_t second, int64_t latency_ns, int32_t status = 200) {
  RequestRow row;
  row.site = "a";
  row.route = "/x";
  row.method = "GET";
  row.status = status;
  row.outcome = Outcome::kComplete;
  row.start_wall_ns = second * 1'000'000'000;
  row.latency_ns = latency_ns;
  return row;
}

TEST(MinuteTableTest, SumsByKeyAndMinute) {
  MinuteTable table;
  table.Add(RowAt(61, 500));
  table.Add(RowAt(119, 300));
  table.Add(RowAt(120, 900));
  table.Add(RowAt(62, 100, 503));
  const std::vector<MinuteRow> rows = table.Rows();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].minute, 1);
  EXPECT_EQ(rows[0].status, 200);
  EXPECT_EQ(rows[0].count, 2);
  EXPECT_EQ(rows[0].latency_sum_ns, 800);
  EXPECT_EQ(rows[0].latency_min_ns, 300);
  EXPECT_EQ(rows[0].latency_max_ns, 500);
  EXPECT_EQ(rows[0].failed, 0);
  EXPECT_EQ(rows[1].status, 503);
  EXPECT_EQ(rows[1].failed, 1);
  EXPECT_EQ(rows[2].minute, 2);
  table.Clear();
  EXPECT_TRUE(table.Rows().empty());
}

TEST(MinuteTableTest, PartialRequestsCountWithoutLatency) {
  MinuteTable table;
  RequestRow partial = RowAt(1, 77);
  partial.outcome = Outcome::kPartial;
  table.Add(partial);
  table.Add(RowAt(2, 500));
  const std::vector<MinuteRow> rows = table.Rows();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].count, 2);
  EXPECT_EQ(rows[0].latency_min_ns, 500);
  ASSERT_EQ(rows[0].histogram.size(), 1U);
  EXPECT_EQ(rows[0].histogram[0].first, HistogramBucket(500));
  EXPECT_EQ(rows[0].histogram[0].second, 1);
}

TEST(MinuteTableTest, OnCpuOnlyOverRequestsWhereItIsKnown) {
  MinuteTable table;
  RequestRow timed = RowAt(1, 100);
  timed.on_cpu_ns = 40;
  table.Add(timed);
  table.Add(RowAt(1, 100));
  const std::vector<MinuteRow> rows = table.Rows();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].timed, 1);
  EXPECT_EQ(rows[0].on_cpu_sum_ns, 40);
}

}  // namespace
}  // namespace pinfo

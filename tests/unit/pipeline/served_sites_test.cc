#include "collector/pipeline/served_sites.h"

#include <gmock/gmock.h>

namespace pinfo {
namespace {

using testing::SizeIs;

RequestRow Request(const std::string& site, int32_t status, int64_t start_wall_ns) {
  RequestRow row;
  row.site = site;
  row.status = status;
  row.outcome = Outcome::kComplete;
  row.start_wall_ns = start_wall_ns;
  row.latency_ns = 100;
  row.on_cpu_ns = 30;
  return row;
}

TEST(ServedSitesTest, CountsBySiteUntilCleared) {
  ServedSites sites;
  EXPECT_TRUE(sites.empty());
  sites.Add(Request("a", 200, 50));
  sites.Add(Request("b", 500, 60));
  sites.Add(Request("a", 404, 40));
  RequestRow aborted = Request("a", 0, 70);
  aborted.outcome = Outcome::kAborted;
  aborted.on_cpu_ns.reset();
  sites.Add(aborted);
  const std::vector<ProcessSiteRow> rows = sites.Rows(ProcessId{9});
  ASSERT_THAT(rows, SizeIs(2));
  const ProcessSiteRow& a = rows[0].site == "a" ? rows[0] : rows[1];
  const ProcessSiteRow& b = rows[0].site == "a" ? rows[1] : rows[0];
  EXPECT_EQ(a.process.value, 9);
  EXPECT_EQ(a.requests, 3);
  EXPECT_EQ(a.failed, 1);
  EXPECT_EQ(a.latency_sum_ns, 300);
  EXPECT_EQ(a.timed, 2);
  EXPECT_EQ(a.on_cpu_sum_ns, 60);
  EXPECT_EQ(a.first_wall_ns, 40);
  EXPECT_EQ(a.last_wall_ns, 70);
  EXPECT_EQ(b.requests, 1);
  EXPECT_EQ(b.failed, 1);
  sites.Clear();
  EXPECT_THAT(sites.Rows(ProcessId{9}), SizeIs(0));
  sites.Add(Request("b", 200, 80));
  EXPECT_EQ(sites.Rows(ProcessId{9})[0].requests, 1);
}

TEST(ServedSitesTest, APartialRequestHasNoLatency) {
  ServedSites sites;
  RequestRow row = Request("a", 200, 50);
  row.outcome = Outcome::kPartial;
  sites.Add(row);
  EXPECT_EQ(sites.Rows(ProcessId{1})[0].requests, 1);
  EXPECT_EQ(sites.Rows(ProcessId{1})[0].latency_sum_ns, 0);
  EXPECT_EQ(sites.Rows(ProcessId{1})[0].timed, 0);
}

}  // namespace
}  // namespace pinfo

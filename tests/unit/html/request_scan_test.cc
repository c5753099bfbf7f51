#include "html/request_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/html/fake_reader.h"

namespace pinfo::html {
namespace {

using testing::ElementsAre;

std::vector<int64_t> Values(const std::vector<RequestId>& ids) {
  std::vector<int64_t> values;
  for (const RequestId id : ids) {
    values.push_back(id.value);
  }
  return values;
}

TEST(SlowestRequestsTest, KeepsTheSlowestAndOfEqualsTheNewer) {
  SlowestRequests slowest(3);
  slowest.Add({1}, 50);
  slowest.Add({2}, 10);
  slowest.Add({3}, 50);
  slowest.Add({4}, 70);
  slowest.Add({5}, 50);
  EXPECT_THAT(Values(slowest.Take()), ElementsAre(4, 5, 3));
  SlowestRequests none(0);
  none.Add({1}, 50);
  EXPECT_TRUE(none.Take().empty());
}

TEST(RequestScanTest, GathersForAllAndForEachRoute) {
  FakeReader reader;
  for (const char* route : {"/a", "/b"}) {
    reader.routes.push_back({.site = "shop.example", .route = route, .latency = {}});
  }
  for (int64_t id = 1; id <= 6; ++id) {
    RequestRow row = MakeRequest(id, id * 1'000'000);
    row.route = id % 2 == 0 ? "/a" : "/b";
    row.profiled = id == 2 || id == 5;
    reader.requests.push_back(row);
  }
  const Result<RequestScan> scan =
      RequestScan::Run(reader, {}, {.listed = 4, .profiles = 1, .of_route = 2});
  ASSERT_TRUE(scan);
  EXPECT_EQ(scan->requests, 6);
  EXPECT_EQ(scan->profiled, 2);
  EXPECT_THAT(Values(scan->listed), ElementsAre(6, 5, 4, 3));
  EXPECT_THAT(Values(scan->profiles), ElementsAre(5));
  EXPECT_EQ(scan->parts.Find({6}), KnownPartsOf(TimesOf(reader.requests[5])));
  const RouteScan& a = scan->routes.at(1);
  EXPECT_THAT(Values(a.slowest), ElementsAre(6, 4));
  EXPECT_EQ(a.times.Of(kOnCpuKnown | kBlockedKnown).times.latency_ns, 12'000'000);
  EXPECT_EQ(a.series.Bins().bins.size(), 1U);
  reader.error = "the database is damaged";
  EXPECT_FALSE(RequestScan::Run(reader, {}, {}));
}

}  // namespace
}  // namespace pinfo::html

#include "html/summaries.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpf/wire.h"
#include "tests/unit/html/fake_reader.h"

namespace pinfo::html {
namespace {

using Minutes = std::vector<std::pair<int64_t, LatencySummary>>;

LatencySummary Latency(int64_t count, int64_t mean_ns, int64_t p99_ns) {
  LatencySummary latency;
  latency.count = count;
  latency.sum_ns = count * mean_ns;
  latency.p99_ns = p99_ns;
  return latency;
}

TEST(BinMinutesTest, FillsGapsAndKnowsNoLatencyThere) {
  int64_t width = 0;
  const nlohmann::json bins =
      BinMinutes(Minutes{{100, Latency(4, 10, 50)}, {102, Latency(2, 20, 30)}}, &width);
  EXPECT_EQ(width, 1);
  ASSERT_EQ(bins.size(), 3U);
  EXPECT_EQ(bins[0]["start_us"], 6'000'000'000);
  EXPECT_EQ(bins[0]["mean_ns"], 10);
  EXPECT_EQ(bins[1]["count"], 0);
  EXPECT_TRUE(bins[1]["mean_ns"].is_null());
  EXPECT_TRUE(bins[1]["p99_ns"].is_null());
  EXPECT_EQ(bins[2]["count"], 2);
}

TEST(BinMinutesTest, AddsUpALongTimeAndKeepsTheWorstMinute) {
  Minutes minutes;
  for (int64_t minute = 0; minute < 1000; ++minute) {
    minutes.emplace_back(minute, Latency(3, minute, minute == 501 ? 9999 : 7));
  }
  int64_t width = 0;
  const nlohmann::json bins = BinMinutes(minutes, &width);
  EXPECT_EQ(width, 5);
  ASSERT_EQ(bins.size(), 200U);
  EXPECT_EQ(bins[0]["count"], 15);
  EXPECT_EQ(bins[0]["mean_ns"], 2);
  EXPECT_EQ(bins[100]["p99_ns"], 9999);
  EXPECT_EQ(bins[101]["p99_ns"], 7);
}

TEST(BinMinutesTest, IsBoundedWhateverTheClockDid) {
  int64_t width = 0;
  const nlohmann::json bins =
      BinMinutes(Minutes{{0, Latency(1, 1, 1)}, {28'000'000, Latency(1, 1, 1)}}, &width);
  EXPECT_LE(bins.size(), static_cast<size_t>(kChartBins));
  EXPECT_EQ(bins.back()["count"], 1);
  EXPECT_TRUE(BinMinutes({}, &width).empty());
}

TEST(OverviewDataTest, NamesEveryLossAndSetsTheProfileRateApart) {
  FakeReader reader;
  std::fill_n(reader.totals.lost.begin(), LossKinds(), 3);
  const Result<nlohmann::json> overview = OverviewData(reader, {});
  ASSERT_TRUE(overview);
  const nlohmann::json& losses = (*overview)["losses"];
  ASSERT_EQ(losses.size(), LossKinds() - 1);
  EXPECT_EQ((*overview)["not_profiled"], 3);
  for (const nlohmann::json& loss : losses) {
    EXPECT_EQ(loss["count"], 3);
    EXPECT_THAT(loss["what"].get<std::string>(), testing::Not(testing::IsEmpty()));
  }
}

TEST(OverviewDataTest, SessionsLossesLeaveOutWhatTheProfileRateDid) {
  FakeReader reader;
  SessionRow session;
  session.lost[PINFO_LOSS_PROFILE_RATE] = 7;
  session.lost[PINFO_LOSS_RING_SAMPLE] = 2;
  reader.sessions = {session};
  const Result<nlohmann::json> overview = OverviewData(reader, {});
  ASSERT_TRUE(overview);
  EXPECT_EQ((*overview)["sessions"][0]["lost"], 2);
  EXPECT_EQ((*overview)["sessions"][0]["not_profiled"], 7);
}

TEST(OverviewDataTest, OwnCostIsOfSessionsWhoseWallTimeIsKnown) {
  FakeReader reader;
  SessionRow ended;
  ended.mode = "ebpf-socket";
  ended.start_wall_ns = 1000;
  ended.end_wall_ns = 3000;
  ended.own_cpu_ns = 40;
  ended.requests_seen = 5;
  SessionRow under_way = ended;
  under_way.end_wall_ns = std::nullopt;
  under_way.own_cpu_ns = 300;
  SessionRow replay = ended;
  replay.mode = "replay";
  replay.own_cpu_ns = 1;
  reader.sessions = {ended, ended, under_way, replay};
  const Result<nlohmann::json> overview = OverviewData(reader, {});
  ASSERT_TRUE(overview);
  const nlohmann::json& cost = (*overview)["own_cost"];
  EXPECT_EQ(cost["cpu_ns"], 80);
  EXPECT_EQ(cost["watched_ns"], 4000);
  EXPECT_EQ(cost["requests"], 10);
  EXPECT_EQ(cost["other_cpu_ns"], 301);
}

TEST(RoutesDataTest, FollowsSiteAndRoute) {
  FakeReader reader;
  reader.routes = {{"a", "/x/1", {}}, {"a", "/y", {}}, {"b", "/x/1", {}}};
  ReportOptions options;
  options.site = "a";
  options.route = "/x/*";
  const Result<nlohmann::json> routes = RoutesData(reader, options);
  ASSERT_TRUE(routes);
  ASSERT_EQ(routes->size(), 1U);
  EXPECT_EQ((*routes)[0]["route"], "/x/1");
}

TEST(ProcessesDataTest, SaysHowAProcessEndedAndWhatIsNotKnown) {
  FakeReader reader;
  ProcessSummary killed;
  killed.process.end_wall_ns = 1;
  killed.process.exit_status = 9;
  ProcessSummary exited;
  exited.process.end_wall_ns = 1;
  exited.process.exit_status = 3 << 8;
  exited.last.wall_ns = 5;
  exited.max_rss_bytes = 4096;
  reader.processes = {killed, exited, ProcessSummary()};
  const Result<nlohmann::json> processes = ProcessesData(reader);
  ASSERT_TRUE(processes);
  EXPECT_EQ((*processes)[0]["exit"], "SIGKILL");
  EXPECT_TRUE((*processes)[0]["max_rss_bytes"].is_null());
  EXPECT_EQ((*processes)[1]["exit"], "exit 3");
  EXPECT_EQ((*processes)[1]["max_rss_bytes"], 4096);
  EXPECT_TRUE((*processes)[2]["exit"].is_null());
  EXPECT_TRUE((*processes)[2]["end_us"].is_null());
}

}  // namespace
}  // namespace pinfo::html

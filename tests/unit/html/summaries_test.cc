#include "html/summaries.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpf/wire.h"
#include "tests/unit/html/fake_reader.h"

namespace pinfo::html {
namespace {

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
  ReportOptions options;
  options.lives = [](const ProcessRow&) { return std::optional(true); };
  const Result<nlohmann::json> processes = ProcessesData(reader, options);
  ASSERT_TRUE(processes);
  EXPECT_EQ((*processes)[0]["exit"], "SIGKILL");
  EXPECT_TRUE((*processes)[0]["max_rss_bytes"].is_null());
  EXPECT_EQ((*processes)[1]["exit"], "exit 3");
  EXPECT_EQ((*processes)[1]["max_rss_bytes"], 4096);
  EXPECT_TRUE((*processes)[2]["exit"].is_null());
  EXPECT_TRUE((*processes)[2]["end_us"].is_null());
  EXPECT_EQ((*processes)[0]["alive"], "no");
  EXPECT_EQ((*processes)[2]["alive"], "yes");
  EXPECT_EQ((*ProcessesData(reader, {}))[2]["alive"], "unknown");
}

}  // namespace
}  // namespace pinfo::html

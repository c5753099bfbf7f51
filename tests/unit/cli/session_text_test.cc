#include "bpf/wire.h"
#include "cli/session_text.h"

#include <gmock/gmock.h>

namespace pinfo::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

SessionRow Watched(int64_t seconds, int64_t cpu_ns, int64_t requests) {
  SessionRow session;
  session.mode = "ebpf-socket";
  session.start_wall_ns = 1'000'000'000;
  session.end_wall_ns = session.start_wall_ns + seconds * 1'000'000'000;
  session.own_cpu_ns = cpu_ns;
  session.requests_seen = requests;
  return session;
}

TEST(SessionText, OwnCostIsAShareOfTheTimeWatched) {
  const std::vector<SessionRow> sessions = {Watched(20, 200'000'000, 15'000),
                                            Watched(10, 100'000'000, 5'000)};
  EXPECT_EQ(DescribeOwnCost(OwnCostOf(sessions)),
            "pinfo itself used 300 ms of CPU in 30.0 s of watching (1% of one CPU), 15.0 us a "
            "request");
}

TEST(SessionText, OwnCostOfReplaysAndOpenSessionsIsNoShare) {
  std::vector<SessionRow> sessions = {Watched(10, 100'000'000, 1), Watched(1, 1'000'000'000, 9)};
  sessions[1].mode = "replay";
  EXPECT_THAT(DescribeOwnCost(OwnCostOf(sessions)), HasSubstr("100 ms of CPU in 10.0 s"));
  EXPECT_THAT(DescribeOwnCost(OwnCostOf(sessions)), HasSubstr("; 1.00 s in sessions that"));
  sessions[0].end_wall_ns = std::nullopt;
  EXPECT_EQ(DescribeOwnCost(OwnCostOf(sessions)), "pinfo itself used 1.10 s of CPU");
  EXPECT_EQ(DescribeOwnCost(OwnCostOf({})), "pinfo itself used 0 ns of CPU");
}

TEST(SessionText, WhatWasNotProfiledIsNoLoss) {
  LossCounts lost{};
  EXPECT_EQ(DescribeNotProfiled(lost), "");
  lost[PINFO_LOSS_PROFILE_RATE] = 7;
  EXPECT_EQ(DescribeNotProfiled(lost), "not profiled: 7 (over --profile-rate)");
  EXPECT_THAT(DescribeLosses(lost), IsEmpty());
  lost[PINFO_LOSS_RING_SAMPLE] = 2;
  EXPECT_THAT(DescribeLosses(lost), SizeIs(1));
}

TEST(SessionText, OneIsSingular) {
  EXPECT_EQ(Count(1, "site"), "1 site");
  EXPECT_EQ(Count(0, "site"), "0 sites");
  EXPECT_EQ(Count(2, "process", "processes"), "2 processes");
}

}  // namespace
}  // namespace pinfo::cli

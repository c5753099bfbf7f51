#include "collector/pipeline/process_table.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/pipeline/make_record.h"

namespace pinfo {
namespace {

RecordWords MakeProcess(uint32_t pid, uint64_t start_ticks, std::string_view comm) {
  pinfo_process process{};
  process.start_ticks = start_ticks;
  std::string text =
      std::string("/bin/x") + '\0' + std::string(comm) + '\0' + "/" + '\0' + "x --y" + '\0';
  process.text_bytes = static_cast<pinfo_u32>(text.size());
  return MakeRecord(process, PINFO_RECORD_PROCESS, 1'000, pid, pid, text);
}

class ProcessTableTest : public testing::Test {
 protected:
  void Send(const RecordWords& words) {
    const auto record = DecodeRecord(BytesOf(words));
    ASSERT_TRUE(record.has_value());
    table_.OnRecord(*record);
  }
  ModuleCache modules_;
  ProcessTable table_{modules_, Origin{.host = "h", .boot_id = "b", .wall_minus_monotonic_ns = 5},
                      "ebpf-socket"};
};

TEST_F(ProcessTableTest, KnowsWhoAProcessIs) {
  Send(MakeProcess(7, 100, "server"));
  const ProcessRow& row = table_.Get(Pid{7}).row;
  EXPECT_EQ(row.exe, "/bin/x");
  EXPECT_EQ(row.comm, "server");
  EXPECT_EQ(row.argv, "x --y");
  EXPECT_EQ(row.mode, "ebpf");
  EXPECT_EQ(row.host, "h");
}

TEST_F(ProcessTableTest, AReusedPidIsAnotherProcess) {
  Send(MakeProcess(7, 100, "old"));
  TrackedProcess& old = table_.Get(Pid{7});
  Send(MakeProcess(7, 200, "new"));
  EXPECT_EQ(table_.Get(Pid{7}).row.comm, "new");
  EXPECT_EQ(old.row.comm, "old");
  EXPECT_EQ(table_.all().size(), 2U);
}

TEST_F(ProcessTableTest, AChildIsItsParentUntilMoreIsKnown) {
  Send(MakeProcess(7, 100, "server"));
  pinfo_task task{};
  task.parent_pid = 7;
  Send(MakeRecord(task, PINFO_RECORD_TASK, 2'000, 8, 8));
  EXPECT_EQ(table_.Get(Pid{8}).row.comm, "server");
  EXPECT_EQ(table_.Get(Pid{8}).row.parent, Pid{7});
  Send(MakeRecord(task, PINFO_RECORD_TASK, 2'000, 7, 9));  // a thread is no process
  EXPECT_EQ(table_.all().size(), 2U);
}

// Nobody read /proc of either in time.
TEST_F(ProcessTableTest, QuickProcessesWithOneIdHaveStartsOfTheirOwn) {
  constexpr int64_t kSecond = 1'000'000'000;
  for (const int64_t start : {1 * kSecond, 2 * kSecond}) {
    Send(MakeRecord(pinfo_task{}, PINFO_RECORD_TASK, start, 8, 8));
    EXPECT_EQ(table_.Get(Pid{8}).row.start_ticks, 0U);  // /proc may tell yet
    pinfo_exit end{};
    end.process_ended = 1;
    Send(MakeRecord(end, PINFO_RECORD_EXIT, start + 1'000, 8, 8));
    EXPECT_EQ(table_.Get(Pid{8}).row.start_ticks,
              static_cast<uint64_t>(start / kSecond * sysconf(_SC_CLK_TCK)));
  }
}

TEST_F(ProcessTableTest, TheEndIsKept) {
  Send(MakeProcess(7, 100, "server"));
  pinfo_exit end{};
  end.process_ended = 1;
  end.status = 9;
  Send(MakeRecord(end, PINFO_RECORD_EXIT, 3'000, 7, 7));
  EXPECT_EQ(table_.Get(Pid{7}).row.end_wall_ns, 3'005);
  EXPECT_EQ(table_.Get(Pid{7}).row.exit_status, 9);
}

TEST_F(ProcessTableTest, WhatEndedLongAgoIsForgotten) {
  Send(MakeProcess(7, 100, "server"));
  Send(MakeProcess(8, 100, "other"));
  pinfo_exit end{};
  end.process_ended = 1;
  Send(MakeRecord(end, PINFO_RECORD_EXIT, 3'000, 7, 7));
  std::vector<Pid> forgotten;
  const auto remember = [&](TrackedProcess& process) { forgotten.push_back(process.row.pid); };
  table_.ForgetEnded(3'005, remember);
  EXPECT_TRUE(forgotten.empty());
  table_.ForgetEnded(3'006, remember);
  EXPECT_EQ(forgotten, std::vector<Pid>{Pid{7}});
  EXPECT_EQ(table_.all().size(), 1U);
  EXPECT_EQ(table_.Get(Pid{7}).row.comm, "");  // the pid is somebody else's from now on
}

// The wall clock is set, or the machine was suspended: rows made from then on have the new time.
TEST_F(ProcessTableTest, FollowsStepsOfTheWallClockAndNoJitter) {
  table_.FollowWallClock(900'000);
  EXPECT_EQ(table_.WallNs(1), 6);
  table_.FollowWallClock(4'000'000'000);
  EXPECT_EQ(table_.WallNs(1), 4'000'000'001);
}

}  // namespace
}  // namespace pinfo

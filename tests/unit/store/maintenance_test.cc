// Upkeep by hand, beside a store that goes on writing.
#include "collector/store/maintenance.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "collector/store/sqlite_handle.h"
#include "tests/unit/store/store_fixture.h"

namespace pinfo {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class MaintenanceTest : public StoreFixture {
 protected:
  int64_t Rows(const std::string& table) {
    Result<sqlite::Database> database = sqlite::Database::Open(path_, sqlite::OpenMode::kReadOnly);
    return *database->QueryInt("SELECT count(*) FROM " + table);
  }
};

TEST_F(MaintenanceTest, AWriterGoesOnAfterItsProcessWasRemoved) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->Begin());
  const ProcessId dead = *store->PutProcess(MakeProcess(1));
  const ProcessId living = *store->PutProcess(MakeProcess(2));
  ASSERT_TRUE(store->AddStatus(MakeStatus(dead, kEpoch)));
  ASSERT_TRUE(store->AddStatus(MakeStatus(living, kEpoch)));
  ASSERT_TRUE(store->Commit());
  AddRequests(*store, {MakeRequest(1)});

  const std::vector<ProcessId> processes = {dead};
  const auto removed = RemoveProcesses(path_, processes);
  ASSERT_TRUE(removed.has_value()) << MessageOf(removed);
  EXPECT_EQ(removed->rows, 1);
  EXPECT_EQ(Rows("process"), 1);
  EXPECT_EQ(Rows("process_status"), 1);
  EXPECT_THAT(Requests(), SizeIs(1));

  // Late news of the dead are dropped, and the batch that has them is stored.
  ASSERT_TRUE(store->Begin());
  EXPECT_TRUE(store->AddStatus(MakeStatus(dead, kEpoch + kSecond)));
  EXPECT_TRUE(store->AddStatus(MakeStatus(living, kEpoch + kSecond)));
  EXPECT_TRUE(store->AddProcessSite({.process = dead, .site = "a", .requests = 1}));
  EXPECT_TRUE(store->AddProcessSite({.process = living, .site = "a", .requests = 1}));
  ASSERT_TRUE(store->Commit());
  EXPECT_EQ(Rows("process_status"), 2);
  EXPECT_EQ(Rows("process_site"), 1);
}

TEST_F(MaintenanceTest, OldRowsGoAlsoWhereTheyWerePutOff) {
  std::vector<RequestRow> rows;
  for (int64_t id = 1; id <= 300; ++id) {
    rows.push_back(MakeRequest(id));
  }
  AddRequests(*OpenStore(), rows);
  EXPECT_EQ(Rows("request_block"), 1);
  const auto removed = RemoveOlderThan(path_, kEpoch + 1'000'000 * kSecond, kSecond);
  ASSERT_TRUE(removed.has_value()) << MessageOf(removed);
  EXPECT_EQ(Rows("request_block"), 0);
  EXPECT_THAT(Requests(), IsEmpty());
}

TEST_F(MaintenanceTest, EverythingGoesButWhatRunningCollectorsReferTo) {
  const std::unique_ptr<Store> store = OpenStore();
  ProcessRow ended = MakeProcess(1);
  ended.end_wall_ns = kEpoch;
  SessionRow over;
  over.mode = "preload";
  over.start_wall_ns = 1;
  over.end_wall_ns = 2;
  SessionRow open = over;
  open.end_wall_ns.reset();
  ASSERT_TRUE(store->Begin());
  ASSERT_TRUE(store->PutProcess(ended));
  ASSERT_TRUE(store->PutProcess(MakeProcess(2)));
  ASSERT_TRUE(store->PutSession(over));
  open.id = *store->PutSession(open);
  MinuteRow minute;
  minute.site = "a";
  minute.route = "/";
  minute.count = 1;
  ASSERT_TRUE(store->AddMinute(minute));
  ASSERT_TRUE(store->Commit());
  AddRequests(*store, {MakeRequest(1), MakeRequest(2)});

  const auto removed = RemoveEverything(path_);
  ASSERT_TRUE(removed.has_value()) << MessageOf(removed);
  EXPECT_GE(removed->rows, 5);
  EXPECT_THAT(Requests(), IsEmpty());
  EXPECT_EQ(Rows("process"), 1);
  EXPECT_EQ(Rows("session"), 1);
  EXPECT_EQ(Rows("minute"), 0);
  EXPECT_EQ(OpenReader()->GetTotals()->latency.count, 0);

  // The same store goes on, with the names it remembers.
  AddRequests(*store, {MakeRequest(3)});
  ASSERT_TRUE(store->Begin());
  EXPECT_EQ(*store->PutSession(open), open.id);
  ASSERT_TRUE(store->Commit());
  EXPECT_THAT(Requests(), SizeIs(1));
  EXPECT_EQ(Requests()[0].route, MakeRequest(3).route);
  EXPECT_THAT(*CheckDatabase(path_), IsEmpty());
}

TEST_F(MaintenanceTest, WhatIsOldGoesAndTheFileShrinks) {
  const std::unique_ptr<Store> store = OpenStore();
  std::vector<RequestRow> rows;
  for (int64_t id = 1; id <= 20'000; ++id) {
    rows.push_back(MakeRequest(id));
  }
  AddRequests(*store, rows);
  const auto before = DescribeDatabase(path_);
  const auto removed = RemoveOlderThan(path_, kEpoch + 20'001 * kSecond, 1'000 * kSecond);
  ASSERT_TRUE(removed.has_value()) << MessageOf(removed);
  EXPECT_GE(removed->rows, 18'000);
  EXPECT_GT(removed->bytes, 0);
  EXPECT_LE(Requests().size(), 1'001);
  EXPECT_GE(Requests().size(), 990);
  const auto after = DescribeDatabase(path_);
  ASSERT_TRUE(after.has_value()) << MessageOf(after);
  EXPECT_LT(after->bytes + after->wal_bytes, before->bytes + before->wal_bytes);
}

TEST_F(MaintenanceTest, ACopyIsWholeAndNeverWritesOverAFile) {
  const std::unique_ptr<Store> store = OpenStore();
  AddRequests(*store, {MakeRequest(1), MakeRequest(2)});
  ASSERT_TRUE(store->Begin());  // a writer in the middle of a batch
  const std::string to = (directory_ / "copy.db").string();
  const Status status = BackUpDatabase(path_, to);
  ASSERT_TRUE(status.has_value()) << status.error().message;
  store->Rollback();
  path_ = to;
  EXPECT_THAT(Requests(), SizeIs(2));
  EXPECT_THAT(*CheckDatabase(to), IsEmpty());
  const Status again = BackUpDatabase(path_, to);
  ASSERT_FALSE(again.has_value());
  EXPECT_THAT(again.error().message, HasSubstr("exists already"));
  EXPECT_THAT(Requests(), SizeIs(2));
}

TEST_F(MaintenanceTest, DamageIsFound) {
  {
    const std::unique_ptr<Store> store = OpenStore();
    std::vector<RequestRow> rows;
    for (int64_t id = 1; id <= 2'000; ++id) {
      rows.push_back(MakeRequest(id));
    }
    AddRequests(*store, rows);
  }
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<std::streamoff>(std::filesystem::file_size(path_));
    for (std::streamoff at = size / 2; at < size - 4096; at += 4096) {
      file.seekp(at);
      file.write("damage damage damage", 20);
    }
  }
  const auto found = CheckDatabase(path_);
  ASSERT_TRUE(found.has_value()) << MessageOf(found);
  EXPECT_THAT(*found, Not(IsEmpty()));
}

TEST_F(MaintenanceTest, ADatabaseThatIsNotThereIsNotMade) {
  for (const auto& removed : {RemoveEverything(path_), RemoveOlderThan(path_, 2, 1)}) {
    ASSERT_FALSE(removed.has_value());
    EXPECT_THAT(removed.error().message, HasSubstr("no such database"));
  }
  EXPECT_FALSE(DescribeDatabase(path_).has_value());
  EXPECT_FALSE(CheckDatabase(path_).has_value());
  EXPECT_FALSE(BackUpDatabase(path_, path_ + ".copy").has_value());
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".copy"));
}

}  // namespace
}  // namespace pinfo

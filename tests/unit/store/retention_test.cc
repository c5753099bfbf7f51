// The database stays within an age and a size, and gives the space back.
#include <set>

#include <gmock/gmock.h>

#include "tests/unit/store/store_fixture.h"

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr int64_t kNoLimit = int64_t{1} << 60;

class RetentionTest : public StoreFixture {
 protected:
  // Calls until there is nothing left to do; returns rows deleted.
  static int64_t RetainAll(Store& store, int64_t now, int64_t max_age, int64_t max_bytes) {
    int64_t deleted = 0;
    while (true) {
      const Result<int64_t> rows =
          store.Retain(now, {.max_age_ns = max_age, .max_bytes = max_bytes});
      EXPECT_EQ(MessageOf(rows), "");
      if (!rows || *rows == 0) {
        return deleted;
      }
      deleted += *rows;
    }
  }

  static void AddMinuteAt(Store& store, int64_t minute) {
    MinuteRow row;
    row.route = "/";
    row.minute = minute;
    row.count = 1;
    row.histogram = {{5, 1}};
    ASSERT_EQ(MessageOf(store.AddMinute(row)), "");
  }
};

TEST_F(RetentionTest, WhatIsTooOldGoesAndTheRestStays) {
  const std::unique_ptr<Store> store = OpenStore();
  std::vector<RequestRow> rows;
  for (int64_t id = 1; id <= 6000; ++id) {
    rows.push_back(MakeRequest(id));
  }
  AddRequests(*store, rows);
  ASSERT_TRUE(store->Begin());
  const int64_t now = kEpoch + 6000 * kSecond;
  const int64_t cutoff = now - 1000 * kSecond;
  ProcessRow ended = MakeProcess(5);
  ended.end_wall_ns = cutoff - 1;
  const ProcessId gone = store->PutProcess(ended).value();
  const ProcessId alive = store->PutProcess(MakeProcess(6)).value();
  for (const int64_t wall_ns : {cutoff - 1, cutoff}) {
    SampleRow sample;
    sample.wall_ns = wall_ns;
    ASSERT_TRUE(store->AddSample(sample));
    ASSERT_TRUE(store->AddStatus(MakeStatus(alive, wall_ns)));
    AddMinuteAt(*store, wall_ns / 60 / kSecond - (wall_ns < cutoff ? 1 : 0));
  }
  ASSERT_TRUE(store->AddStatus(MakeStatus(gone, cutoff - 1)));
  ASSERT_TRUE(store->Commit());

  EXPECT_EQ(RetainAll(*store, now, 1000 * kSecond, kNoLimit), 4999 + 1 + 2 + 1 + 1);
  const std::unique_ptr<Reader> reader = OpenReader();
  EXPECT_EQ(reader->GetTotals()->request_rows, 1001);
  EXPECT_EQ(reader->GetTotals()->samples, 1);
  EXPECT_EQ(reader->GetTotals()->latency.count, 1);
  const Result<std::vector<ProcessSummary>> processes = reader->Processes();
  ASSERT_THAT(*processes, SizeIs(1));
  EXPECT_EQ((*processes)[0].process.pid.value, 6U);
  EXPECT_EQ(Requests({.order = RequestOrder::kOldest, .limit = 1})[0].start_wall_ns, cutoff);
}

TEST_F(RetentionTest, ADatabaseThatIsTooLargeShrinksFromItsOldEnd) {
  const std::unique_ptr<Store> store = OpenStore();
  for (int batch = 0; batch < 4; ++batch) {
    std::vector<RequestRow> rows;
    for (int64_t i = 1; i <= 5000; ++i) {
      rows.push_back(MakeRequest(batch * 5000 + i));
      rows.back().target.assign(200, 'x');
    }
    AddRequests(*store, rows);
  }
  while (store->Settle()->rows > 0) {
  }
  const int64_t limit = OpenReader()->GetTotals()->database_bytes / 5;
  const int64_t deleted = RetainAll(*store, kEpoch, kNoLimit, limit);
  EXPECT_GT(deleted, 10'000);
  const std::vector<RequestRow> left = Requests({.order = RequestOrder::kOldest});
  ASSERT_THAT(left, SizeIs(20'000 - static_cast<size_t>(deleted)));
  ASSERT_FALSE(left.empty());
  EXPECT_EQ(left.front().id.value, deleted + 1);
  EXPECT_EQ(left.back().id.value, 20'000);
}

TEST_F(RetentionTest, MinutesOfManyRoutesLeaveRoomForRequests) {
  const std::unique_ptr<Store> store = OpenStore();
  std::vector<RequestRow> rows;
  for (int64_t id = 1; id <= 3'000; ++id) {
    rows.push_back(MakeRequest(id));
  }
  AddRequests(*store, rows);
  while (store->Settle()->rows > 0) {
  }
  ASSERT_TRUE(store->Begin());
  for (int64_t minute = 1; minute <= 20'000; ++minute) {
    AddMinuteAt(*store, minute);
  }
  ASSERT_TRUE(store->Commit());
  const int64_t full = OpenReader()->GetTotals()->database_bytes;
  RetainAll(*store, kEpoch, kNoLimit, full * 3 / 4);
  EXPECT_EQ(OpenReader()->GetTotals()->request_rows, 3'000);
  EXPECT_LT(OpenReader()->GetTotals()->latency.count, 20'000);
}

TEST_F(RetentionTest, TooManyRequestsLoseTheOldest) {
  const std::unique_ptr<Store> store = OpenStore();
  std::vector<RequestRow> rows;
  for (int64_t id = 1; id <= 10'000; ++id) {
    rows.push_back(MakeRequest(id));
  }
  AddRequests(*store, rows);
  while (store->Settle()->rows > 0) {
  }
  int64_t deleted = 0;
  for (int64_t more = 1; more > 0; deleted += more) {
    more = store->Retain(kEpoch, {.max_age_ns = kNoLimit, .max_requests = 5'000}).value();
  }
  EXPECT_EQ(deleted, 5'000);
  EXPECT_EQ(Requests({.order = RequestOrder::kOldest, .limit = 1})[0].id.value, 5'001);
}

TEST_F(RetentionTest, TooManyProcessesLoseThoseThatEndedFirst) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->Begin());
  const int64_t now = kEpoch + 100'000 * kSecond;
  for (uint32_t pid = 1; pid <= 10; ++pid) {
    ProcessRow row = MakeProcess(pid);
    row.seen_wall_ns = now;
    if (pid > 4) {  // the last of them ended just now
      row.end_wall_ns = pid == 10 ? now : kEpoch + int64_t{pid} * kSecond;
    }
    const ProcessId id = store->PutProcess(row).value();
    ASSERT_TRUE(store->AddStatus(MakeStatus(id, now - kSecond)));
  }
  ASSERT_TRUE(store->Commit());
  EXPECT_EQ(store->Retain(now, {.max_age_ns = kNoLimit, .max_processes = 7}).value(), 3);
  std::set<uint32_t> left;
  const Result<std::vector<ProcessSummary>> processes = OpenReader()->Processes();
  for (const ProcessSummary& summary : *processes) {
    left.insert(summary.process.pid.value);
  }
  EXPECT_THAT(left, ElementsAre(1, 2, 3, 4, 8, 9, 10));
  // Those that live, and those that may still be written of, stay whatever the limit.
  EXPECT_EQ(store->Retain(now, {.max_age_ns = kNoLimit, .max_processes = 1}).value(), 2);
}

TEST_F(RetentionTest, FreedSpaceIsGivenBackToTheFileSystem) {
  ASSERT_NE(OpenStore(), nullptr);
  const auto empty = std::filesystem::file_size(path_);  // the schema's own pages
  {
    const std::unique_ptr<Store> store = OpenStore();
    std::vector<RequestRow> rows;
    for (int64_t id = 1; id <= 10'000; ++id) {
      rows.push_back(MakeRequest(id));
    }
    AddRequests(*store, rows);
  }
  const auto before = std::filesystem::file_size(path_);
  {
    const std::unique_ptr<Store> store = OpenStore();
    EXPECT_EQ(RetainAll(*store, kEpoch + 20'000 * kSecond, kSecond, kNoLimit), 10'000);
  }
  EXPECT_LT(std::filesystem::file_size(path_) - empty, (before - empty) / 8);
}

TEST_F(RetentionTest, ALimitThatCannotBeReachedEnds) {
  const std::unique_ptr<Store> store = OpenStore();
  AddRequests(*store, {MakeRequest(1)});
  ASSERT_TRUE(store->Begin());
  AddMinuteAt(*store, 5);
  ASSERT_TRUE(store->Commit());
  EXPECT_EQ(RetainAll(*store, kEpoch, kNoLimit, 1), 2);
  EXPECT_EQ(RetainAll(*store, kEpoch, kNoLimit, 1), 0);
}

}  // namespace
}  // namespace pinfo

// The database stays within an age and a size, and gives the space back.
#include <gmock/gmock.h>

#include "tests/unit/store/store_fixture.h"

namespace pinfo {
namespace {

using testing::SizeIs;

constexpr int64_t kNoLimit = int64_t{1} << 60;

class RetentionTest : public StoreFixture {
 protected:
  // Calls until there is nothing left to do; returns rows deleted.
  static int64_t RetainAll(Store& store, int64_t now, int64_t max_age, int64_t max_bytes) {
    int64_t deleted = 0;
    while (true) {
      const Result<int64_t> rows = store.Retain(now, max_age, max_bytes);
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

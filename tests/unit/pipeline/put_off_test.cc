#include "collector/pipeline/put_off.h"

#include <gtest/gtest.h>

#include "tests/unit/pipeline/make_record.h"

namespace pinfo {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(PutOffTest, RecordsWaitWhileTheMachineIsSaturated) {
  const Backlog backlog{.bytes = 1 << 20, .oldest_ns = kSecond, .pressing = false};
  EXPECT_TRUE(MayWait(backlog, 0, kSecond + 1));
  EXPECT_TRUE(MayWait(backlog, 0.2, kSecond + 1));
  EXPECT_FALSE(MayWait(backlog, 0.5, kSecond + 1));
}

TEST(PutOffTest, NotForLongNorBeyondABoundNorWhatIsPressing) {
  EXPECT_FALSE(MayWait({.bytes = 1, .oldest_ns = 0, .pressing = false}, 0, 4 * kSecond));
  EXPECT_FALSE(MayWait({.bytes = 44 << 20, .oldest_ns = 0, .pressing = false}, 0, 1));
  EXPECT_FALSE(MayWait({.bytes = 1, .oldest_ns = 0, .pressing = true}, 0, 1));
}

TEST(PutOffTest, WithoutAMeasureNothingWaits) {
  PutOff put_off;
  EXPECT_FALSE(put_off({.bytes = 1, .oldest_ns = kSecond, .pressing = false}, kSecond));
}

TEST(PutOffTest, TheQueueTellsWhatWaits) {
  ChunkQueue queue(1 << 20);
  EXPECT_FALSE(queue.Waiting().pressing);
  auto plain = std::make_unique<Chunk>();
  plain->drained_from_ns = 7;
  plain->OnRecord(BytesOf(MakeClose(2, 9)));
  queue.Push(std::move(plain));
  EXPECT_FALSE(queue.Waiting().pressing);
  auto pressing = std::make_unique<Chunk>();
  pressing->drained_from_ns = 8;
  pressing->OnRecord(BytesOf(MakeRecord(pinfo_task{}, PINFO_RECORD_TASK, 1, 1, 1)));
  queue.Push(std::move(pressing));
  EXPECT_TRUE(queue.Waiting().pressing);
  EXPECT_EQ(queue.Waiting().oldest_ns, 7);
  EXPECT_GT(queue.Waiting().bytes, sizeof(pinfo_close) + sizeof(pinfo_task));
  queue.Pop(0);
  EXPECT_EQ(queue.Waiting().oldest_ns, 8);
  queue.Pop(0);
  EXPECT_FALSE(queue.Waiting().pressing);
  EXPECT_EQ(queue.Waiting().bytes, 0U);
}

}  // namespace
}  // namespace pinfo

#include "collector/pipeline/chunk_queue.h"

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "tests/unit/pipeline/make_record.h"

namespace pinfo {
namespace {

std::unique_ptr<Chunk> ChunkOf(int records) {
  auto chunk = std::make_unique<Chunk>();
  for (int i = 0; i < records; ++i) {
    chunk->OnRecord(BytesOf(MakeClose(i, 1)));
  }
  return chunk;
}

TEST(ChunkQueueTest, HandsOnInOrderAndFinishesOnlyWhenEmptied) {
  ChunkQueue queue(1 << 20);
  queue.Push(ChunkOf(1));
  queue.Push(ChunkOf(2));
  queue.Close({});
  EXPECT_FALSE(queue.Finished());
  EXPECT_EQ(queue.Pop(0)->records().size(), 1U);
  EXPECT_EQ(queue.Pop(0)->records().size(), 2U);
  EXPECT_TRUE(queue.Finished());
  EXPECT_EQ(queue.Pop(0), nullptr);
  EXPECT_TRUE(queue.status().has_value());
}

TEST(ChunkQueueTest, AChunkHandedBackComesOutEmpty) {
  ChunkQueue queue(1 << 20);
  std::unique_ptr<Chunk> chunk = ChunkOf(3);
  chunk->drained_from_ns = 5;
  const Chunk* const address = chunk.get();
  queue.HandBack(std::move(chunk));
  chunk = queue.Take();
  EXPECT_EQ(chunk.get(), address);
  EXPECT_TRUE(chunk->records().empty());
  EXPECT_EQ(chunk->used_words(), 0U);
  EXPECT_EQ(chunk->drained_from_ns, 0);
  chunk->OnRecord(BytesOf(MakeClose(2, 9)));
  std::vector<uint64_t> scratch;
  EXPECT_EQ(DecodeRecord(chunk->record(chunk->records()[0], scratch))->as<pinfo_close>().connection,
            9U);
}

TEST(ChunkQueueTest, TellsWhyCapturingFailed) {
  ChunkQueue queue(1 << 20);
  queue.Close(Fail("the ring is gone"));
  ASSERT_FALSE(queue.status().has_value());
  EXPECT_EQ(queue.status().error().message, "the ring is gone");
}

TEST(ChunkQueueTest, HoldsTheProducerBackWhileItIsFull) {
  ChunkQueue queue(64);
  std::atomic<int> pushed = 0;
  std::thread producer([&] {
    for (int i = 0; i < 10; ++i) {
      queue.Push(ChunkOf(2));  // 96 bytes: one fills the queue
      ++pushed;
    }
    queue.Close({});
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(pushed, 1);
  int popped = 0;
  while (!queue.Finished()) {
    popped += queue.Pop(100) ? 1 : 0;
  }
  producer.join();
  EXPECT_EQ(popped, 10);
}

}  // namespace
}  // namespace pinfo

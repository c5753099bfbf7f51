#include "collector/pipeline/orderer.h"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/make_record.h"

namespace pinfo {
namespace {

std::unique_ptr<Chunk> ChunkAt(const std::vector<int64_t>& times) {
  auto chunk = std::make_unique<Chunk>();
  for (size_t i = 0; i < times.size(); ++i) {
    chunk->OnRecord(BytesOf(MakeClose(times[i], i)));
  }
  return chunk;
}

std::vector<int64_t> ReleasedUntil(Orderer& orderer, int64_t until_ns) {
  std::vector<int64_t> times;
  orderer.Release(until_ns, [&](const RecordView& record) {
    times.push_back(static_cast<int64_t>(record.header().time_ns));
  });
  return times;
}

TEST(OrdererTest, MergesChunksByTimeAndKeepsWhatIsYounger) {
  Orderer orderer;
  EXPECT_EQ(orderer.Add(ChunkAt({10, 30, 50})), 0U);
  EXPECT_EQ(orderer.Add(ChunkAt({20, 40})), 0U);
  EXPECT_THAT(ReleasedUntil(orderer, 30), testing::ElementsAre(10, 20, 30));
  orderer.Add(ChunkAt({35}));
  EXPECT_THAT(ReleasedUntil(orderer, INT64_MAX), testing::ElementsAre(35, 40, 50));
  EXPECT_EQ(orderer.newest_ns(), 50);
}

TEST(OrdererTest, RecordsOfOneMomentKeepTheirOrder) {
  Orderer orderer;
  orderer.Add(ChunkAt({7, 7, 7}));
  std::vector<uint64_t> connections;
  orderer.Release(7, [&](const RecordView& record) {
    connections.push_back(record.as<pinfo_close>().connection);
  });
  EXPECT_THAT(connections, testing::ElementsAre(0, 1, 2));
}

TEST(OrdererTest, CountsWhatCannotBeDecoded) {
  auto chunk = std::make_unique<Chunk>();
  RecordWords broken = MakeClose(1, 1);
  reinterpret_cast<pinfo_header*>(broken.data())->size = 1'000'000;
  chunk->OnRecord(BytesOf(broken));
  chunk->OnRecord(BytesOf(MakeClose(2, 1)));
  Orderer orderer;
  EXPECT_EQ(orderer.Add(std::move(chunk)), 1U);
  EXPECT_THAT(ReleasedUntil(orderer, 2), testing::ElementsAre(2));
}

TEST(OrdererTest, ATimeAfterTheDrainIsMalformed) {
  Orderer orderer;
  auto chunk = ChunkAt({10, 2'000'000, INT64_MAX});
  chunk->drained_to_ns = 20;
  EXPECT_EQ(orderer.Add(std::move(chunk)), 2U);
  EXPECT_EQ(orderer.newest_ns(), 10);
  EXPECT_THAT(ReleasedUntil(orderer, INT64_MAX), testing::ElementsAre(10));
}

TEST(OrdererTest, ATimeThatFitsNoSignedNumberIsMalformed) {
  Orderer orderer;
  EXPECT_EQ(orderer.Add(ChunkAt({10, -1})), 1U);
  EXPECT_EQ(orderer.newest_ns(), 10);
}

TEST(OrdererTest, GivesAChunkBackWhenItsLastRecordHasBeenVisited) {
  std::vector<size_t> given_back;
  Orderer orderer([&](std::unique_ptr<Chunk> chunk) {
    given_back.push_back(chunk->records().size());
  });
  orderer.Add(ChunkAt({10, 30}));
  orderer.Add(ChunkAt({20}));
  orderer.Add(ChunkAt({}));
  ReleasedUntil(orderer, 20);
  EXPECT_THAT(given_back, testing::IsEmpty());
  ReleasedUntil(orderer, 30);
  EXPECT_THAT(given_back, testing::ElementsAre(2, 1, 0));
}

TEST(OrdererTest, AnyOrderComesOutSorted) {
  std::mt19937 random(1);
  Orderer orderer;
  std::vector<int64_t> times(5'000);
  for (int64_t& time : times) {
    time = static_cast<int64_t>(random() % 3'000);
  }
  orderer.Add(ChunkAt(times));
  std::sort(times.begin(), times.end());
  EXPECT_EQ(ReleasedUntil(orderer, INT64_MAX), times);
}

TEST(OrdererTest, AnyArrivalWithinTheHoldBackComesOutSorted) {
  std::mt19937 random(4711);
  Orderer orderer;
  std::vector<int64_t> released;
  int64_t now = 1'000'000'000;
  for (int round = 0; round < 50; ++round) {
    std::vector<int64_t> times;
    for (int i = 0; i < 40; ++i) {
      now += 100'000;
      times.push_back(now - static_cast<int64_t>(random() % Orderer::kHoldBackNs));
    }
    orderer.Add(ChunkAt(times));
    const auto some = ReleasedUntil(orderer, now - Orderer::kHoldBackNs);
    released.insert(released.end(), some.begin(), some.end());
  }
  const auto rest = ReleasedUntil(orderer, INT64_MAX);
  released.insert(released.end(), rest.begin(), rest.end());
  EXPECT_EQ(released.size(), 2000U);
  EXPECT_TRUE(std::is_sorted(released.begin(), released.end()));
}

}  // namespace
}  // namespace pinfo

#include "collector/pipeline/chunk.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/unit/pipeline/make_record.h"

namespace pinfo {
namespace {

RecordWords MakeExchange(uint64_t connection, uint32_t turn, std::string_view request,
                         std::string_view response) {
  const auto time_ns = static_cast<int64_t>(1000 * connection + turn);
  const RecordWords received = MakeReceived(time_ns, connection, turn, request);
  const pinfo_header& header = *reinterpret_cast<const pinfo_header*>(received.data());
  std::string payload(response);
  payload.append(reinterpret_cast<const char*>(received.data()), header.size);
  pinfo_response exchange{};  // struct pinfo_exchange is one and nothing else
  exchange.connection = connection;
  exchange.turn = turn;
  exchange.captured = static_cast<pinfo_u16>(response.size());
  return MakeRecord(exchange, PINFO_RECORD_EXCHANGE, time_ns + 5, 1, 1, payload);
}

std::string TextOf(const RecordWords& words) {
  const pinfo_header& header = *reinterpret_cast<const pinfo_header*>(words.data());
  return {reinterpret_cast<const char*>(words.data()), header.size};
}

// What comes out of a chunk that they go into.
std::vector<std::string> Through(const std::vector<RecordWords>& records, Chunk& chunk) {
  for (const RecordWords& record : records) {
    chunk.OnRecord(BytesOf(record));
  }
  std::vector<std::string> texts;
  std::vector<uint64_t> scratch;
  for (const Chunk::Extent& extent : chunk.records()) {
    const auto bytes = chunk.record(extent, scratch);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(bytes.data()) % 8, 0U);
    texts.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return texts;
}

std::vector<std::string> TextsOf(const std::vector<RecordWords>& records) {
  std::vector<std::string> texts;
  for (const RecordWords& record : records) {
    texts.push_back(TextOf(record));
  }
  return texts;
}

const std::string kRequest = "GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n";
const std::string kResponse = "HTTP/1.1 200 OK\r\nContent-Length: 612\r\nServer: nginx\r\n\r\n";

TEST(ChunkTest, RecordsComeOutAsTheyWentIn) {
  const std::vector<RecordWords> records = {
      MakeReceived(1, 1, 1, "abc"),
      MakeReceived(1, 1, 1, kRequest),
      MakeClose(2, 9),
      MakeResponse(1, 2, 3, 4, kResponse),
      MakeExchange(1, 1, kRequest, kResponse),
      MakeExchange(1, 2, kRequest, ""),
      MakeExchange(1, 3, "", kResponse),
      MakeExchange(2, 1, kRequest, kResponse),
      MakeExchange(2, 2, kRequest + "x", kResponse),
  };
  Chunk chunk;
  EXPECT_EQ(Through(records, chunk), TextsOf(records));
}

TEST(ChunkTest, AResponseWithEndsBehindItsBeginningComesOutWhole) {
  pinfo_response response{};
  response.captured = 40;
  response.front = 8;
  response.back = 12;
  const std::vector<RecordWords> records = {
      MakeRecord(response, PINFO_RECORD_RESPONSE, 7, 1, 1, std::string(60, 'x'))};
  Chunk chunk;
  EXPECT_EQ(Through(records, chunk), TextsOf(records));
}

TEST(ChunkTest, HeadsThatRepeatAreKeptOnce) {
  Chunk chunk;
  chunk.OnRecord(BytesOf(MakeExchange(1, 1, kRequest, kResponse)));
  const size_t first = chunk.used_words();
  chunk.OnRecord(BytesOf(MakeExchange(1, 2, kRequest, kResponse)));
  EXPECT_EQ(chunk.used_words() - first, (sizeof(pinfo_exchange) + sizeof(pinfo_received)) / 8);
}

TEST(ChunkTest, WhatIsMalformedStaysAsItIs) {
  RecordWords record = MakeExchange(1, 1, kRequest, kResponse);
  auto& exchange = *reinterpret_cast<pinfo_exchange*>(record.data());
  exchange.response.captured += 1;
  Chunk chunk;
  chunk.OnRecord(BytesOf(record));
  ASSERT_EQ(chunk.records().size(), 1U);
  EXPECT_FALSE(chunk.records()[0].apart());
  EXPECT_EQ(chunk.records()[0].bytes, exchange.response.header.size);
}

TEST(ChunkTest, AClearedChunkKnowsNoTextAnyMore) {
  Chunk chunk;
  chunk.OnRecord(BytesOf(MakeExchange(1, 1, kRequest, kResponse)));
  chunk.Clear();
  const std::vector<RecordWords> records = {MakeReceived(1, 1, 1, kRequest),
                                            MakeExchange(3, 1, kResponse, kRequest)};
  EXPECT_EQ(Through(records, chunk), TextsOf(records));
}

TEST(ChunkTest, AnyMixtureComesOutAsItWentIn) {
  std::mt19937 random(3);
  const auto text = [&random] {
    const std::string all(random() % 3 == 0 ? 500 : 60, 'a');
    return all.substr(0, random() % all.size()) + std::string(random() % 3, 'b');
  };
  std::vector<RecordWords> records;
  for (uint32_t i = 0; i < 3'000; ++i) {
    switch (random() % 4) {
      case 0:
        records.push_back(MakeReceived(i, random() % 5, i, text()));
        break;
      case 1:
        records.push_back(MakeResponse(i, i + 1, random() % 5, i, text()));
        break;
      case 2:
        records.push_back(MakeClose(i, random()));
        break;
      default:
        records.push_back(MakeExchange(random() % 5, i, text(), text()));
        break;
    }
  }
  Chunk chunk;
  EXPECT_EQ(Through(records, chunk), TextsOf(records));
}

}  // namespace
}  // namespace pinfo

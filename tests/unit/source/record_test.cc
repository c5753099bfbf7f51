#include "collector/source/record.h"

#include <random>

#include <gmock/gmock.h>

#include "tests/unit/pipeline/make_record.h"

namespace pinfo {
namespace {

TEST(DecodeRecordTest, AWellFormedRecordIsViewed) {
  const RecordWords words = MakeReceived(5, 1, 2, "GET /");
  const auto record = DecodeRecord(BytesOf(words));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->type(), PINFO_RECORD_RECEIVED);
  EXPECT_EQ(record->as<pinfo_received>().turn, 2U);
  EXPECT_EQ(record->text(), "GET /");
}

TEST(DecodeRecordTest, BytesBehindTheRecordAreIgnored) {
  RecordWords words = MakeClose(5, 1);
  words.push_back(77);
  const auto record = DecodeRecord(BytesOf(words));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->bytes().size(), sizeof(pinfo_close));
}

TEST(DecodeRecordTest, EveryTruncationIsRefused) {
  const RecordWords words = MakeReceived(5, 1, 2, "GET /");
  const size_t size = reinterpret_cast<const pinfo_header*>(words.data())->size;
  for (size_t length = 0; length < size; ++length) {
    EXPECT_FALSE(DecodeRecord(BytesOf(words).first(length)).has_value()) << length;
  }
}

TEST(DecodeRecordTest, ALengthThatDisagreesWithTheSizeIsRefused) {
  RecordWords words = MakeReceived(5, 1, 2, "GET /");
  reinterpret_cast<pinfo_received*>(words.data())->captured = 4;
  EXPECT_FALSE(DecodeRecord(BytesOf(words)).has_value());
  reinterpret_cast<pinfo_received*>(words.data())->captured = 6;
  EXPECT_FALSE(DecodeRecord(BytesOf(words)).has_value());
}

TEST(DecodeRecordTest, AnExchangeHoldsTwoRecordsOfOneTurn) {
  const RecordWords received = MakeReceived(5, 1, 2, "GET /");
  const std::string_view inner(reinterpret_cast<const char*>(received.data()),
                               sizeof(pinfo_received) + 5);
  pinfo_exchange exchange{};
  exchange.response.connection = 1;
  exchange.response.turn = 2;
  exchange.response.captured = 3;
  const std::string payload = "abc" + std::string(inner);
  const auto make = [&payload](const pinfo_exchange& from) {
    return MakeRecord(from.response, PINFO_RECORD_EXCHANGE, 9, 1, 1, payload);
  };
  const RecordWords words = make(exchange);
  const auto record = DecodeRecord(BytesOf(words));
  ASSERT_TRUE(record.has_value());
  const ExchangeParts parts = PartsOf(*record);
  EXPECT_EQ(parts.response, "abc");
  EXPECT_EQ(parts.request, "GET /");
  EXPECT_EQ(parts.received.header.time_ns, 5U);
  const size_t size = record->bytes().size();
  for (size_t length = 0; length < size; ++length) {
    RecordWords cut = words;
    reinterpret_cast<pinfo_header*>(cut.data())->size = static_cast<pinfo_u32>(length);
    EXPECT_FALSE(DecodeRecord(BytesOf(cut)).has_value()) << length;
  }
  for (const auto& change : std::vector<void (*)(pinfo_exchange&)>{
           [](pinfo_exchange& e) { e.response.turn = 3; },
           [](pinfo_exchange& e) { e.response.connection = 3; },
           [](pinfo_exchange& e) { e.response.captured = 4; },
           [](pinfo_exchange& e) { e.response.captured = 2; },
           [](pinfo_exchange& e) { e.response.captured = 60000; },
           [](pinfo_exchange& e) { e.response.back = 1; }}) {
    pinfo_exchange wrong = exchange;
    change(wrong);
    EXPECT_FALSE(DecodeRecord(BytesOf(make(wrong))).has_value());
  }
}

TEST(DecodeRecordTest, ASampleHasAStackAndPythonFramesBehindIt) {
  pinfo_sample sample{};
  sample.stack_bytes = 5;
  sample.python_frames = 2;
  const pinfo_python_frame frames[] = {{1, 2, 3}, {4, 5, 6}};
  std::string payload = "stack";
  payload.append(reinterpret_cast<const char*>(frames), sizeof(frames));
  RecordWords words = MakeRecord(sample, PINFO_RECORD_SAMPLE, 5, 1, 1, payload);
  const auto record = DecodeRecord(BytesOf(words));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(StackOf(*record).size(), 5U);
  const std::vector<pinfo_python_frame> read = PythonFramesOf(*record);
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(read[1].code, 4U);
  EXPECT_EQ(read[1].instruction, 6U);
  for (const uint16_t wrong : {uint16_t{0}, uint16_t{1}, uint16_t{3}, uint16_t{65535}}) {
    reinterpret_cast<pinfo_sample*>(words.data())->python_frames = wrong;
    EXPECT_FALSE(DecodeRecord(BytesOf(words)).has_value()) << wrong;
  }
}

TEST(DecodeRecordTest, TheKernelsFramesComeLast) {
  pinfo_sample sample{};
  sample.stack_bytes = 3;
  sample.python_frames = 1;
  sample.kernel_frames = 2;
  const pinfo_python_frame frame = {1, 2, 3};
  const uint64_t addresses[] = {0xffffffff81000001, 0xffffffff81000002};
  std::string payload = "abc";
  payload.append(reinterpret_cast<const char*>(&frame), sizeof(frame));
  payload.append(reinterpret_cast<const char*>(addresses), sizeof(addresses));
  RecordWords words = MakeRecord(sample, PINFO_RECORD_SAMPLE, 5, 1, 1, payload);
  const auto record = DecodeRecord(BytesOf(words));
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(PythonFramesOf(*record).size(), 1U);
  EXPECT_THAT(KernelFramesOf(*record), testing::ElementsAre(addresses[0], addresses[1]));
  for (const uint16_t wrong : {uint16_t{0}, uint16_t{1}, uint16_t{3}, uint16_t{65535}}) {
    reinterpret_cast<pinfo_sample*>(words.data())->kernel_frames = wrong;
    EXPECT_FALSE(DecodeRecord(BytesOf(words)).has_value()) << wrong;
  }
}

TEST(DecodeRecordTest, BothLengthsOfAPythonCodeCount) {
  pinfo_python_code code{};
  code.text_bytes = 4;
  code.table_bytes = 2;
  RecordWords words = MakeRecord(code, PINFO_RECORD_PYTHON_CODE, 5, 1, 1, "f\0n\0tt");
  reinterpret_cast<pinfo_header*>(words.data())->size = sizeof(code) + 6;
  EXPECT_TRUE(DecodeRecord(BytesOf(words)).has_value());
  reinterpret_cast<pinfo_python_code*>(words.data())->table_bytes = UINT32_MAX - 3;
  EXPECT_FALSE(DecodeRecord(BytesOf(words)).has_value());
}

TEST(DecodeRecordTest, UnknownTypesAreRefused) {
  for (const uint16_t type : {uint16_t{0}, uint16_t{13}, uint16_t{65535}}) {
    RecordWords words = MakeClose(5, 1);
    reinterpret_cast<pinfo_header*>(words.data())->type = type;
    EXPECT_FALSE(DecodeRecord(BytesOf(words)).has_value()) << type;
  }
}

TEST(DecodeRecordTest, RandomBytesNeverReachBeyondTheirEnd) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 100'000; ++round) {
    RecordWords words(1 + random() % 40);
    for (uint64_t& word : words) {
      word = random();
    }
    auto* header = reinterpret_cast<pinfo_header*>(words.data());
    if (words.size() >= 3) {
      header->size = static_cast<uint32_t>(random() % (words.size() * 8 + 16));
      header->type = static_cast<uint16_t>(random() % 14);
    }
    if (const auto record = DecodeRecord(BytesOf(words))) {
      EXPECT_LE(record->bytes().size(), words.size() * 8);
      EXPECT_LE(record->payload().size(), record->bytes().size());
    }
  }
}

}  // namespace
}  // namespace pinfo

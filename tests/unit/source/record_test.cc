#include "collector/source/record.h"

#include <random>

#include <gtest/gtest.h>

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

TEST(DecodeRecordTest, UnknownTypesAreRefused) {
  for (const uint16_t type : {uint16_t{0}, uint16_t{12}, uint16_t{65535}}) {
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

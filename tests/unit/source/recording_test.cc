#include "collector/source/recording.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/pipeline/make_record.h"

namespace pinfo {
namespace {

class Collected : public RecordSink {
 public:
  void OnRecord(std::span<const std::byte> bytes) override {
    const auto record = DecodeRecord(bytes);
    ASSERT_TRUE(record.has_value());
    types.push_back(record->type());
    texts.emplace_back(record->text());
    if (record->type() == PINFO_RECORD_LOSS) {
      losses.push_back(record->as<pinfo_loss>().count);
    }
  }
  std::vector<pinfo_record_type> types;
  std::vector<std::string> texts;
  std::vector<uint64_t> losses;
};

class RecordingTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() /
            ("pinfo-recording-test-" + std::to_string(getpid()));
    auto writer = RecordingWriter::Create(
        path_, {.host = "h", .boot_id = "b", .wall_minus_monotonic_ns = 7}, "ebpf-socket");
    ASSERT_TRUE(writer.has_value());
    (*writer)->OnRecord(BytesOf(MakeReceived(5, 1, 1, "GET / HTTP/1.1")));
    (*writer)->OnRecord(BytesOf(MakeClose(6, 1)));
    ASSERT_TRUE((*writer)->Flush().has_value());
  }
  void TearDown() override { std::filesystem::remove(path_); }

  Collected Replay() {
    Collected collected;
    auto source = RecordingSource::Open(path_);
    EXPECT_TRUE(source.has_value());
    while (source && !(*source)->Ended()) {
      EXPECT_TRUE((*source)->Drain(collected).has_value());
    }
    damage_ = source ? (*source)->damage() : "";
    return collected;
  }

  std::string path_;
  std::string damage_;
};

TEST_F(RecordingTest, GivesBackWhatWasRecorded) {
  const Collected collected = Replay();
  EXPECT_THAT(collected.types, testing::ElementsAre(PINFO_RECORD_RECEIVED, PINFO_RECORD_CLOSE));
  EXPECT_EQ(collected.texts[0], "GET / HTTP/1.1");
  EXPECT_EQ(damage_, "");
  const auto source = RecordingSource::Open(path_);
  EXPECT_EQ((*source)->origin().host, "h");
  EXPECT_EQ((*source)->origin().boot_id, "b");
  EXPECT_EQ((*source)->origin().wall_minus_monotonic_ns, 7);
  EXPECT_EQ((*source)->mode(), "ebpf-socket");
}

TEST_F(RecordingTest, EveryTruncationGivesWhatCameBeforeItAndSaysSo) {
  const auto whole = std::filesystem::file_size(path_);
  for (auto size = whole - 1; size > 192; --size) {
    std::filesystem::resize_file(path_, size);
    const Collected collected = Replay();
    if (size == 192 + 136) {  // between the two records: a clean end
      EXPECT_EQ(damage_, "");
      EXPECT_EQ(collected.types.size(), 1U);
      continue;
    }
    EXPECT_NE(damage_, "") << size;
    ASSERT_FALSE(collected.types.empty());
    EXPECT_EQ(collected.types.back(), PINFO_RECORD_LOSS);
  }
}

// Whatever one word of the first record's header says, the second is found again.
TEST_F(RecordingTest, WhatComesBehindADamagedRecordIsFoundAgain) {
  for (const uint32_t size : {0U, 1U, 25U, 4096U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(192);
    file.write(reinterpret_cast<const char*>(&size), sizeof(size));
    file.close();
    const Collected collected = Replay();
    EXPECT_THAT(collected.types, testing::ElementsAre(PINFO_RECORD_LOSS, PINFO_RECORD_CLOSE));
    EXPECT_THAT(collected.losses, testing::ElementsAre(136U));
    EXPECT_THAT(damage_, testing::HasSubstr("damaged from byte 192"));
  }
}

TEST_F(RecordingTest, ManyRecordsAcrossTheWindowsEdgesComeWhole) {
  constexpr int kRecords = 60'000;  // several windows
  auto writer = RecordingWriter::Create(path_, {}, "preload");
  ASSERT_TRUE(writer.has_value());
  std::string text = "GET / HTTP/1.1";
  for (int i = 0; i < kRecords; ++i) {
    text.resize(14 + static_cast<size_t>(i) % 64, 'x');
    (*writer)->OnRecord(BytesOf(MakeReceived(5, 1, 1, text)));
  }
  ASSERT_TRUE((*writer)->Flush().has_value());
  const Collected collected = Replay();
  EXPECT_EQ(damage_, "");
  ASSERT_EQ(collected.types.size(), size_t{kRecords});
  for (int i = 0; i < kRecords; ++i) {
    ASSERT_EQ(collected.texts[static_cast<size_t>(i)].size(), 14 + static_cast<size_t>(i) % 64);
  }
}

TEST_F(RecordingTest, WhatIsNoRecordingIsRefused) {
  std::ofstream(path_, std::ios::trunc) << "hello";
  const auto source = RecordingSource::Open(path_);
  ASSERT_FALSE(source.has_value());
  EXPECT_THAT(source.error().message, testing::HasSubstr("not a recording"));
  EXPECT_FALSE(RecordingSource::Open(path_ + ".none").has_value());
}

TEST_F(RecordingTest, AnotherWireVersionIsRefused) {
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(8);
  const uint32_t version = PINFO_WIRE_VERSION + 1;
  file.write(reinterpret_cast<const char*>(&version), sizeof(version));
  file.close();
  const auto source = RecordingSource::Open(path_);
  ASSERT_FALSE(source.has_value());
  EXPECT_THAT(source.error().message, testing::HasSubstr("wire version"));
}

}  // namespace
}  // namespace pinfo

// Writers and reader of one ring at once: nothing lost uncounted, nothing torn, order kept.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/source/record.h"
#include "collector/source/ring_reader.h"

extern "C" {
#include "preload/writer.h"
}

namespace pinfo {
namespace {

constexpr uint32_t kPid = 4242;
constexpr uint32_t kWriters = 4;
constexpr uint64_t kEach = 20'000;

// Record i of a writer: a RECEIVED whose payload repeats one byte and whose length varies.
// False where there was no room.
bool WriteOne(uint32_t writer, uint64_t i) {
  const uint16_t payload = static_cast<uint16_t>(i * 37 % 700);
  const pinfo_slot slot =
      pinfo_ring_reserve(sizeof(pinfo_received) + payload, PINFO_LOSS_RING_RECEIVED);
  if (slot.record == nullptr) {
    return false;
  }
  auto* record = static_cast<pinfo_received*>(slot.record);
  std::memset(record, 0, sizeof(*record));
  record->header.size = static_cast<uint32_t>(sizeof(*record) + payload);
  record->header.type = PINFO_RECORD_RECEIVED;
  record->header.tid = writer;
  record->offset = i;
  record->captured = payload;
  std::memset(record + 1, static_cast<int>(i & 0xff), payload);
  pinfo_ring_commit(slot);
  return true;
}

class CheckingSink : public RecordSink {
 public:
  void OnRecord(std::span<const std::byte> bytes) override {
    const auto record = DecodeRecord(bytes);
    ASSERT_TRUE(record);
    if (record->type() == PINFO_RECORD_LOSS) {
      ASSERT_EQ(record->as<pinfo_loss>().kind, PINFO_LOSS_RING_RECEIVED);
      lost += record->as<pinfo_loss>().count;
      return;
    }
    const auto& received = record->as<pinfo_received>();
    ASSERT_LT(received.header.tid, kWriters);
    ASSERT_EQ(received.offset, next[received.header.tid]) << "order within a writer";
    next[received.header.tid] = received.offset + 1;
    for (const std::byte byte : record->payload()) {
      ASSERT_EQ(byte, static_cast<std::byte>(received.offset & 0xff));
    }
    ++read;
  }
  uint64_t next[kWriters] = {};
  uint64_t read = 0;
  uint64_t lost = 0;
};

TEST(RingWriter, ManyWritersOneReader) {
  std::string name = (std::filesystem::temp_directory_path() / "pinfo-writer-XXXXXX").string();
  const std::filesystem::path directory = mkdtemp(name.data());
  setenv("PINFO_RING_DIR", directory.c_str(), 1);
  setenv("PINFO_RING_BYTES", "1048576", 1);
  ASSERT_EQ(pinfo_ring_adopt(kPid, 7), 0);
  ASSERT_EQ(pinfo_ring_open(kPid, 7), 0);
  ASSERT_EQ(pinfo_ring_activate(), 0);

  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  auto reader = RingReader::Open(fd, "pinfo.4242.7.ring");
  ASSERT_TRUE(reader);
  std::atomic<uint32_t> running = kWriters;
  std::atomic<uint64_t> refused = 0;
  std::vector<std::thread> writers;
  for (uint32_t writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([writer, &running, &refused] {
      for (uint64_t i = 0; i < kEach; ++i) {
        while (!WriteOne(writer, i)) {
          ++refused;
          std::this_thread::yield();
        }
      }
      --running;
    });
  }
  CheckingSink sink;
  // Time stands still for the reader: no slot is ever given up.
  while (running != 0) {
    reader->Drain(sink, true, 1);
  }
  for (auto& writer : writers) {
    writer.join();
  }
  reader->Drain(sink, true, 1);
  EXPECT_TRUE(reader->drained());
  EXPECT_EQ(sink.read, kWriters * kEach);
  EXPECT_EQ(sink.lost, refused) << "every refusal is counted, once";

  pinfo_ring_drop();
  EXPECT_EQ(pinfo_ring_adopt(kPid, 7), 1) << "as after an exec";
  EXPECT_EQ(pinfo_ring_activate(), 1);
  EXPECT_TRUE(WriteOne(0, kEach));
  reader->Drain(sink, true, 1);
  EXPECT_EQ(sink.next[0], kEach + 1);
  reader->SetStopped(true);
  EXPECT_EQ(pinfo_ring_reserve(64, PINFO_LOSS_RING_OTHER).record, nullptr) << "nobody reads";
  pinfo_ring_drop();
  close(fd);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace pinfo

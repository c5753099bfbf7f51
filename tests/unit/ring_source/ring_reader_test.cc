// The reader of one ring: order, wrap-around, and everything a broken or hostile writer can do.
#include "collector/source/ring_reader.h"

#include <cstring>
#include <random>

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/ring_source/ring_fixture.h"

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kSlot = sizeof(pinfo_close) + PINFO_RING_WORD_BYTES;

class RingReaderTest : public RingTest {
 protected:
  RingReader MustOpen(const RingFile& file) {
    auto reader = RingReader::Open(directory_fd_, file.name());
    EXPECT_TRUE(reader.has_value());
    return std::move(*reader);
  }
  RingReader::OpenError MustRefuse(const RingFile& file) {
    auto reader = RingReader::Open(directory_fd_, file.name());
    EXPECT_FALSE(reader.has_value());
    return reader ? RingReader::OpenError::kGone : reader.error();
  }

  RingOwner self_ = ThisProcess();
  RingFile file_{directory_, self_.pid, self_.start_ticks};
  TakingSink sink_;
};

TEST(RingName, IsPidAndStart) {
  const auto owner = ParseRingName("pinfo.12.3456.ring");
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->pid, 12U);
  EXPECT_EQ(owner->start_ticks, 3456U);
  for (const char* name : {"", "pinfo.", "pinfo.1.ring", "pinfo.-1.2.ring", "pinfo.1.2.ring~",
                           "pinfo.99999999999.2.ring", "pinfo.1.2.rin", "pinfo..2.ring"}) {
    EXPECT_FALSE(ParseRingName(name)) << name;
  }
}

TEST(OwnerAliveTest, KnowsThisProcessByItsStart) {
  RingOwner owner = ThisProcess();
  EXPECT_TRUE(OwnerAlive(owner));
  owner.start_ticks += 1;
  EXPECT_FALSE(OwnerAlive(owner)) << "a reused pid";
  EXPECT_FALSE(OwnerAlive(DeadProcess()));
}

TEST_F(RingReaderTest, HandsRecordsOnInOrder) {
  file_.Append(1);
  file_.Append(2);
  RingReader reader = MustOpen(file_);
  EXPECT_EQ(reader.Drain(sink_, true, kSecond), 2U);
  file_.Append(3);
  EXPECT_EQ(reader.Drain(sink_, true, kSecond), 1U);
  EXPECT_THAT(sink_.connections, ElementsAre(1, 2, 3));
  EXPECT_THAT(sink_.losses, IsEmpty());
  EXPECT_TRUE(reader.drained());
  file_.Load();
  EXPECT_EQ(file_.header.tail, 3 * kSlot);
}

TEST_F(RingReaderTest, ReadsAcrossTheEndManyTimes) {
  RingReader reader = MustOpen(file_);
  const uint64_t laps = 3 * file_.header.data_bytes / kSlot;
  uint64_t sent = 0;
  while (sent < laps) {
    for (int i = 0; i < 700; ++i) {
      file_.Append(++sent);
    }
    reader.Drain(sink_, true, kSecond);
    file_.Load();
  }
  ASSERT_EQ(sink_.connections.size(), sent);
  for (uint64_t i = 0; i < sent; ++i) {
    ASSERT_EQ(sink_.connections[i], i + 1);
  }
  EXPECT_THAT(sink_.losses, IsEmpty());
}

TEST_F(RingReaderTest, ASecondReaderIsKeptOutAndTheNextGoesOn) {
  file_.Append(1);
  {
    RingReader reader = MustOpen(file_);
    reader.Drain(sink_, true, kSecond);
    EXPECT_EQ(MustRefuse(file_), RingReader::OpenError::kBusy);
  }
  file_.Load();
  file_.Append(2);
  RingReader next = MustOpen(file_);
  next.Drain(sink_, true, kSecond);
  EXPECT_THAT(sink_.connections, ElementsAre(1, 2));
}

TEST_F(RingReaderTest, WaitsForASlotUnderWayWhileItsOwnerLives) {
  file_.Append(1);
  const uint64_t reserved = file_.header.head;
  file_.Reserve(kSlot);
  file_.Append(3);
  RingReader reader = MustOpen(file_);
  EXPECT_EQ(reader.Drain(sink_, true, kSecond), 1U);
  EXPECT_EQ(reader.Drain(sink_, true, 2 * kSecond), 0U);
  const uint64_t head = file_.header.head;
  file_.header.head = reserved;  // the writer gets round to it
  file_.Append(2);
  file_.header.head = head;
  file_.header.tail = reserved;
  file_.Store();
  EXPECT_EQ(reader.Drain(sink_, true, 2 * kSecond), 2U);
  EXPECT_THAT(sink_.connections, ElementsAre(1, 2, 3));
}

TEST_F(RingReaderTest, SkipsWhatADeadOwnerNeverCommitted) {
  file_.Append(1);
  file_.Reserve(kSlot);
  file_.Append(3);
  file_.Reserve(4096);
  RingReader reader = MustOpen(file_);
  for (int i = 0; i < 3 && !reader.drained(); ++i) {
    reader.Drain(sink_, false, kSecond);
  }
  EXPECT_THAT(sink_.connections, ElementsAre(1, 3));
  EXPECT_EQ(sink_.losses[PINFO_LOSS_DAMAGED_RING], kSlot + 4096);
  EXPECT_TRUE(reader.drained());
}

TEST_F(RingReaderTest, SkipsWhatALivingOwnerAbandoned) {
  file_.Reserve(kSlot);
  file_.Append(2);
  RingReader reader = MustOpen(file_);
  EXPECT_EQ(reader.Drain(sink_, true, kSecond), 0U);
  EXPECT_EQ(reader.Drain(sink_, true, 4 * kSecond), 1U);
  EXPECT_THAT(sink_.connections, ElementsAre(2));
}

TEST_F(RingReaderTest, ReportsLossesOnceEach) {
  file_.header.losses[PINFO_LOSS_RING_SAMPLE] = 5;
  file_.Store();
  RingReader reader = MustOpen(file_);
  reader.Drain(sink_, true, kSecond);
  reader.Drain(sink_, true, kSecond);
  EXPECT_EQ(sink_.losses[PINFO_LOSS_RING_SAMPLE], 5U);
  file_.header.losses[PINFO_LOSS_RING_SAMPLE] = 7;
  file_.Store();
  reader.Drain(sink_, true, kSecond);
  EXPECT_EQ(sink_.losses[PINFO_LOSS_RING_SAMPLE], 7U);
}

TEST_F(RingReaderTest, RefusesHeadersThatDoNotHold) {
  const pinfo_ring_header good = file_.header;
  const auto refuses = [&](auto change) {
    file_.header = good;
    change(file_.header);
    file_.Store();
    return MustRefuse(file_) == RingReader::OpenError::kDamaged;
  };
  EXPECT_TRUE(refuses([](auto& h) { h.magic ^= 1; }));
  EXPECT_TRUE(refuses([](auto& h) { h.version += 1; }));
  EXPECT_TRUE(refuses([](auto& h) { h.wire_version += 1; }));
  EXPECT_TRUE(refuses([](auto& h) { h.header_bytes = 64; }));
  EXPECT_TRUE(refuses([](auto& h) { h.pid += 1; }));
  EXPECT_TRUE(refuses([](auto& h) { h.data_bytes = 0; }));
  EXPECT_TRUE(refuses([](auto& h) { h.data_bytes -= 8; }));
  EXPECT_TRUE(refuses([](auto& h) { h.data_bytes *= 2; })) << "beyond the file";
  EXPECT_TRUE(refuses([](auto& h) { h.data_bytes = ~0ULL; }));
  EXPECT_TRUE(refuses([](auto& h) { h.tail = 4; }));
  EXPECT_TRUE(refuses([](auto& h) { h.tail = 8; })) << "tail beyond head";
  EXPECT_TRUE(refuses([](auto& h) { h.head = h.data_bytes + 8; }));
  file_.header = good;
  file_.Store();
  MustOpen(file_);
}

TEST_F(RingReaderTest, RefusesWhatIsNoRegularFile) {
  std::filesystem::remove(file_.path());
  ASSERT_EQ(mkfifo(file_.path().c_str(), 0600), 0);
  EXPECT_EQ(MustRefuse(file_), RingReader::OpenError::kDamaged);
  std::filesystem::remove(file_.path());
  std::filesystem::create_symlink("/proc/self/mem", file_.path());
  EXPECT_EQ(MustRefuse(file_), RingReader::OpenError::kDamaged);
}

TEST_F(RingReaderTest, SurvivesTruncationWhileReading) {
  file_.Append(1);
  RingReader reader = MustOpen(file_);
  reader.Drain(sink_, true, kSecond);
  for (int i = 0; i < 100; ++i) {
    file_.Append(2);
  }
  std::filesystem::resize_file(file_.path(), PINFO_RING_HEADER_BYTES + 100);
  reader.Drain(sink_, true, kSecond);
  EXPECT_TRUE(reader.drained());
  EXPECT_GT(sink_.losses[PINFO_LOSS_DAMAGED_RING], 0U);
  std::filesystem::resize_file(file_.path(), 0);
  EXPECT_EQ(reader.Drain(sink_, true, kSecond), 0U);
}

TEST_F(RingReaderTest, GivesUpOnAHeadThatGoesWild) {
  const std::vector<uint64_t> heads = {0, ~uint64_t{0}, file_.header.data_bytes * 4, 3};
  for (const uint64_t head : heads) {
    RingFile file(directory_, self_.pid, self_.start_ticks);
    file.Append(1);
    RingReader reader = MustOpen(file);
    reader.Drain(sink_, true, kSecond);
    file.header.head = head;
    file.Store();
    reader.Drain(sink_, true, kSecond);
    reader.Drain(sink_, true, kSecond);
    EXPECT_TRUE(reader.drained()) << head;
  }
  EXPECT_EQ(sink_.losses[PINFO_LOSS_DAMAGED_RING], heads.size()) << "reported once each";
}

TEST_F(RingReaderTest, SlotsThatLieAboutTheirSizeAreNotFollowed) {
  std::string record(64, '\0');
  const uint32_t huge = 1U << 30;
  std::memcpy(record.data(), &huge, sizeof(huge));  // the record is said to exceed its slot
  file_.AppendRaw(72, pinfo_ring_word(file_.header.head, 72), record);
  file_.AppendRaw(72, pinfo_ring_word(file_.header.head, 1U << 22), record);  // beyond the head
  file_.AppendRaw(8, pinfo_ring_word(file_.header.head, 8), "");  // no room for a header
  file_.Append(4);
  RingReader reader = MustOpen(file_);
  for (int i = 0; i < 10 && !reader.drained(); ++i) {
    reader.Drain(sink_, false, kSecond);
  }
  EXPECT_TRUE(reader.drained());
  EXPECT_GT(sink_.losses[PINFO_LOSS_DAMAGED_RING], 0U);
}

TEST_F(RingReaderTest, NoiseEndsAndStaysInBounds) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    RingFile noise(directory_, self_.pid, self_.start_ticks);
    std::string bytes(4096, '\0');
    for (size_t i = 0; i < bytes.size(); i += 8) {
      // Half of the words claim to be slots of their position, with sizes of all kinds.
      const uint64_t value = random() % 2 == 0 ? pinfo_ring_word(i + 8, (random() % 512) * 8)
                                               : random() % (1U << (random() % 32));
      std::memcpy(bytes.data() + i, &value, sizeof(value));
    }
    noise.AppendRaw(4104, pinfo_ring_word(0, 8 + (random() % 512) * 8), bytes);
    RingReader reader = MustOpen(noise);
    for (int i = 0; i < 1000 && !reader.drained(); ++i) {
      reader.Drain(sink_, false, kSecond);
    }
    ASSERT_TRUE(reader.drained());
  }
  EXPECT_GT(sink_.losses[PINFO_LOSS_DAMAGED_RING] + sink_.malformed, 0U);
}

}  // namespace
}  // namespace pinfo

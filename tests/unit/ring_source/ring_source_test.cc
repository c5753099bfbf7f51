// A directory of rings: discovery, ends, and what does not belong there.
#include "collector/source/ring_source.h"

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ring_source/ring_fixture.h"

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RingSourceTest : public RingTest {
 protected:
  std::unique_ptr<RingSource> MustOpen() {
    auto source = RingSource::Open(directory_, RingSource::AtStop::kSilenceWriters);
    EXPECT_TRUE(source) << source.error().message;
    return std::move(*source);
  }
  // Long enough for the next look at the directory.
  void DrainFor(RingSource& source,
                std::chrono::milliseconds time = std::chrono::milliseconds(80)) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
      ASSERT_TRUE(source.Drain(sink_));
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  TakingSink sink_;
};

TEST_F(RingSourceTest, FindsRingsAsTheyAppear) {
  auto source = MustOpen();
  DrainFor(*source);
  EXPECT_EQ(source->live_processes(), 0U);
  const RingOwner self = ThisProcess();
  RingFile file(directory_, self.pid, self.start_ticks);
  file.Append(7);
  DrainFor(*source);
  EXPECT_THAT(sink_.connections, ElementsAre(7));
  EXPECT_EQ(source->live_processes(), 1U);
  EXPECT_FALSE(source->Ended());
}

TEST_F(RingSourceTest, DrainsUnlinksAndEndsTheDead) {
  const RingOwner dead = DeadProcess();
  RingFile file(directory_, dead.pid, dead.start_ticks);
  file.Append(1);
  auto source = MustOpen();
  source->ExpectNoMore();
  EXPECT_FALSE(source->Ended()) << "nothing was read yet";
  DrainFor(*source);
  EXPECT_THAT(sink_.connections, ElementsAre(1));
  EXPECT_EQ(sink_.process_exits, 1U) << "it was killed: its exit is made up";
  EXPECT_FALSE(std::filesystem::exists(file.path()));
  EXPECT_TRUE(source->Ended());
}

TEST_F(RingSourceTest, AKilledProcessIsNoticed) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  RingOwner owner{static_cast<uint32_t>(child), 0};
  {
    std::ifstream stat("/proc/" + std::to_string(child) + "/stat");
    std::string word;
    for (int field = 1; field <= 22 && stat >> word; ++field) {
    }
    owner.start_ticks = std::stoull(word);
  }
  RingFile file(directory_, owner.pid, owner.start_ticks);
  file.Append(1);
  auto source = MustOpen();
  DrainFor(*source);
  EXPECT_EQ(sink_.process_exits, 0U);
  file.Load();
  file.Append(2);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  DrainFor(*source);
  EXPECT_THAT(sink_.connections, ElementsAre(1, 2));
  EXPECT_EQ(sink_.process_exits, 1U);
}

TEST_F(RingSourceTest, GarbageIsCountedOnceAndLeftAlone) {
  const RingOwner self = ThisProcess();
  const std::string name =
      "pinfo." + std::to_string(self.pid) + "." + std::to_string(self.start_ticks) + ".ring";
  std::ofstream(directory_ / name) << std::string(10'000, 'x');
  std::ofstream(directory_ / "notes.txt") << "not a ring";
  auto source = MustOpen();
  DrainFor(*source, std::chrono::milliseconds(200));
  EXPECT_EQ(sink_.losses[PINFO_LOSS_DAMAGED_RING], 1U);
  EXPECT_TRUE(std::filesystem::exists(directory_ / name)) << "its process lives";
  EXPECT_TRUE(std::filesystem::exists(directory_ / "notes.txt"));
}

TEST_F(RingSourceTest, RingsOfAnotherBootAreOfTheDead) {
  const RingOwner self = ThisProcess();
  RingFile file(directory_, self.pid, self.start_ticks);
  file.header.boot_id[0] ^= 1;
  file.Append(1);
  auto source = MustOpen();
  DrainFor(*source);
  EXPECT_THAT(sink_.connections, ElementsAre(1));
  EXPECT_FALSE(std::filesystem::exists(file.path()));
}

TEST_F(RingSourceTest, StopTellsTheWritersAndDrainsTheRest) {
  const RingOwner self = ThisProcess();
  RingFile file(directory_, self.pid, self.start_ticks);
  file.Append(1);
  auto source = MustOpen();
  DrainFor(*source);
  file.Load();
  file.Append(2);
  source->Stop();
  file.Load();
  EXPECT_EQ(file.header.stopped, 1U);
  ASSERT_TRUE(source->Drain(sink_));
  EXPECT_THAT(sink_.connections, ElementsAre(1, 2));
  EXPECT_TRUE(source->Ended());
  source.reset();
  auto next = MustOpen();
  DrainFor(*next);
  file.Load();
  EXPECT_EQ(file.header.stopped, 0U) << "a new collector wants records again";
}

TEST_F(RingSourceTest, RefusesADirectoryOthersWriteTo) {
  std::filesystem::permissions(directory_, std::filesystem::perms::all);
  auto source = RingSource::Open(directory_, RingSource::AtStop::kSilenceWriters);
  ASSERT_FALSE(source);
  EXPECT_THAT(source.error().message, HasSubstr("other users"));
  EXPECT_FALSE(RingSource::Open("/nonexistent/rings", RingSource::AtStop::kLeaveWriters));
}

}  // namespace
}  // namespace pinfo

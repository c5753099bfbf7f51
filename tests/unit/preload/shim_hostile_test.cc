// libpinfo.so below a program that makes life hard for it (hostile_target.c): with and without it,
// the same output and the same end.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

namespace pinfo {
namespace {

struct Outcome {
  int status = 0;  // as wait(2) gives it
  std::string output;
};

Outcome RunCommand(const std::string& command) {
  FILE* stream = popen(command.c_str(), "r");
  Outcome outcome;
  std::array<char, 4096> buffer{};
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), stream)) {
    outcome.output.append(buffer.data(), n);
  }
  outcome.status = pclose(stream);
  return outcome;
}

class HostileTargetTest : public testing::TestWithParam<const char*> {
 protected:
  HostileTargetTest() {
    std::string name = (std::filesystem::temp_directory_path() / "pinfo-hostile-XXXXXX").string();
    directory_ = mkdtemp(name.data());
  }
  ~HostileTargetTest() override { std::filesystem::remove_all(directory_); }

  // exec: no shell between us and how the target ends.
  [[nodiscard]] std::string Below(const std::string& mode) const {
    return "exec env PINFO_RING_DIR=" + directory_.string() +
           " LD_PRELOAD=" PINFO_PRELOAD_LIBRARY " " PINFO_HOSTILE_TARGET " " + mode;
  }

  std::filesystem::path directory_;
};

TEST_P(HostileTargetTest, BehavesAsWithoutTheShim) {
  const Outcome bare = RunCommand(std::string("exec " PINFO_HOSTILE_TARGET " ") + GetParam());
  const Outcome below = RunCommand(Below(GetParam()));
  EXPECT_EQ(bare.status, 0);
  EXPECT_EQ(below.status, bare.status);
  EXPECT_EQ(below.output, bare.output);
}

INSTANTIATE_TEST_SUITE_P(Modes, HostileTargetTest,
                         testing::Values("coroutine", "altstack", "fsize", "nofile", "strict",
                                         "filter", "sigwait", "claim", "sigsuspend", "sleep",
                                         "alias", "forkfds", "efault", "destructors"),
                         [](const auto& mode) { return std::string(mode.param); });

// Their numbers differ without the shim, which is why only the target's own are looked at.
TEST_F(HostileTargetTest, ClosesNoDescriptorOfTheApplications) {
  const Outcome outcome = RunCommand(Below("numbers"));
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, "0 0 0 0 0 0 0 0 \n");
}

TEST_F(HostileTargetTest, LeavesRoomOnASmallFileSystem) {
  if (geteuid() != 0) {
    GTEST_SKIP() << "a file system of its own needs root";
  }
  const std::string mount = "mount -t tmpfs -o size=64m none " + directory_.string() + " && ";
  const Outcome outcome = RunCommand("exec unshare -m sh -c '" + mount +
                                     Below("shm " + (directory_ / "own").string()) + "'");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.output, "done\n");
}

// A ring that another user could truncate under us is not used: the process serves without one.
TEST_F(HostileTargetTest, UsesNoRingOfForeignMake) {
  std::filesystem::permissions(directory_, std::filesystem::perms::all);
  const std::string script = "stat=$(cut -d\" \" -f22 /proc/$$/stat); ring=" + directory_.string() +
                             "/pinfo.$$.$stat.ring; truncate -s 9M $ring; chmod 666 $ring; " +
                             Below("efault");
  const Outcome outcome = RunCommand("exec bash -c '" + script + "'");
  EXPECT_EQ(outcome.status, 0);
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    std::ifstream ring(entry.path(), std::ios::binary);
    EXPECT_EQ(ring.get(), 0) << "no magic was written: " << entry.path();
  }
}

}  // namespace
}  // namespace pinfo

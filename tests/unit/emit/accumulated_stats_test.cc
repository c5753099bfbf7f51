#include "collector/emit/accumulated_stats.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/emit/file_io.h"
#include "collector/emit/pstats_reader.h"
#include "tests/unit/emit/testing.h"

namespace pinfo {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

int64_t SelfTotal(const std::string& path) {
  const Result<CallGraph> graph = ReadStatsFile(path);
  return graph ? graph->SelfTotalNs() : -1;
}

class AccumulatedStatsTest : public ::testing::Test {
 protected:
  testing::TemporaryDirectory directory_;
  const std::string folder_ = directory_ / "accumulated/";
  const std::string all_ = folder_ + "all.stats";
  const std::string list_ = folder_ + AccumulatedFileName("shop", "/list");
  const int64_t one_ = testing::SampleGraph().SelfTotalNs();
};

TEST_F(AccumulatedStatsTest, AddsUpByRouteAndOverAllFromRunToRun) {
  for (int run = 1; run <= 3; ++run) {
    AccumulatedStats stats(directory_.path());
    stats.Add("shop", "/list", testing::SampleGraph());
    stats.Add("shop", "/list", testing::SampleGraph());
    stats.Add("shop", "/item", testing::SampleGraph());
    ASSERT_TRUE(stats.Flush());
    EXPECT_TRUE(stats.empty());
    EXPECT_TRUE(stats.Flush());  // nothing is added twice
    EXPECT_EQ(SelfTotal(list_), run * 2 * one_);
    EXPECT_EQ(SelfTotal(all_), run * 3 * one_);
  }
}

TEST_F(AccumulatedStatsTest, SetsADamagedFileAsideAndSaysSo) {
  for (int round = 1; round <= 2; ++round) {
    std::filesystem::create_directories(folder_);
    std::ofstream(all_) << "{damaged";
    AccumulatedStats stats(directory_.path());
    stats.Add("shop", "/list", testing::SampleGraph());
    ASSERT_TRUE(stats.Flush());
    EXPECT_EQ(SelfTotal(all_), one_);
    EXPECT_EQ(SelfTotal(list_), round * one_);
    ASSERT_THAT(stats.messages(), SizeIs(1));
    const std::string aside = all_ + ".damaged." + std::to_string(round);
    EXPECT_THAT(stats.messages()[0], HasSubstr(aside));
    EXPECT_EQ(ReadFile(aside, 100).value(), "{damaged");
  }
}

TEST_F(AccumulatedStatsTest, WaitsForNobodyAndLosesNothing) {
  std::filesystem::create_directories(folder_);
  const int lock = ::open((folder_ + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  AccumulatedStats stats(directory_.path());
  stats.Add("shop", "/list", testing::SampleGraph());
  EXPECT_THAT(stats.Flush().error().message, HasSubstr("cannot lock"));
  stats.Add("shop", "/list", testing::SampleGraph());
  ::close(lock);
  ASSERT_TRUE(stats.Flush());
  EXPECT_EQ(SelfTotal(all_), 2 * one_);
}

TEST_F(AccumulatedStatsTest, ProcessesAddToTheSameFiles) {
  constexpr int kProcesses = 4;
  constexpr int kRounds = 10;
  for (int i = 0; i < kProcesses; ++i) {
    if (::fork() == 0) {
      for (int round = 0; round < kRounds; ++round) {
        AccumulatedStats stats(directory_.path());
        stats.Add("shop", "/list", testing::SampleGraph());
        while (!stats.Flush()) {
          ::usleep(1000);
        }
      }
      ::_exit(0);
    }
  }
  for (int i = 0; i < kProcesses; ++i) {
    ::wait(nullptr);
  }
  EXPECT_EQ(SelfTotal(all_), kProcesses * kRounds * one_);
}

TEST(AccumulatedFileName, KeepsTheNetworkOutOfThePath) {
  EXPECT_THAT(AccumulatedFileName("shop.example:80", "/item/{}"),
              ::testing::MatchesRegex("shop\\.example_80__item___-[0-9a-f]{8}\\.stats"));
  EXPECT_NE(AccumulatedFileName("a", "/b c"), AccumulatedFileName("a", "/b_c"));
  EXPECT_NE(AccumulatedFileName("a", "b"), AccumulatedFileName("ab", ""));
  EXPECT_EQ(AccumulatedFileName("../../x", "/..").find('/'), std::string::npos);
  EXPECT_NE(AccumulatedFileName("..", "").front(), '.');
  EXPECT_LT(AccumulatedFileName(std::string(5000, 'a'), std::string(5000, 'b')).size(), 255U);
}

}  // namespace
}  // namespace pinfo

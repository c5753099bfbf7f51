// A folder of stats files stays within its limits, and nothing else in it is touched.
#include "collector/pipeline/stats_file_keeper.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "collector/emit/pstats_writer.h"

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDay = 86'400 * kSecond;
constexpr int64_t kNow = 1'700'000'000 * kSecond;

class StatsFileKeeperTest : public testing::Test {
 protected:
  StatsFileKeeperTest() {
    std::string pattern = testing::TempDir() + "pinfo-stats-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~StatsFileKeeperTest() override { std::filesystem::remove_all(folder_); }

  // Written at that time; returns its name.
  std::string Write(const std::string& name, int64_t wall_ns) {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path) << std::string(4096, 'x');
    const timespec time{.tv_sec = wall_ns / kSecond, .tv_nsec = 0};
    const timespec times[2] = {time, time};
    utimensat(AT_FDCWD, path.c_str(), times, 0);
    return name;
  }
  std::string WriteStats(int64_t id, int64_t wall_ns) {
    return Write(StatsFileName(wall_ns, "GET", id), wall_ns);
  }
  std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      names.insert(entry.path().filename());
    }
    return names;
  }

  std::filesystem::path folder_;
};

TEST_F(StatsFileKeeperTest, WhatIsTooOldGoes) {
  WriteStats(1, kNow - 15 * kDay);
  const std::string young = WriteStats(2, kNow - 13 * kDay);
  StatsFileKeeper keeper(folder_, {});
  EXPECT_EQ(keeper.Prune(kNow), 1);
  EXPECT_THAT(Names(), ElementsAre(young));
  EXPECT_EQ(keeper.Prune(kNow), 0);
}

TEST_F(StatsFileKeeperTest, TheOldestGoWhereThereAreTooMany) {
  StatsFileKeeper keeper(folder_, {.max_files = 3});
  EXPECT_EQ(keeper.Prune(kNow), 0);
  std::string last;
  for (int64_t id = 1; id <= 5; ++id) {
    last = WriteStats(id, kNow + id * kSecond);
    keeper.Add(folder_ / last, kNow + id * kSecond);
  }
  EXPECT_EQ(keeper.Prune(kNow + 6 * kSecond), 2);
  EXPECT_EQ(Names().size(), 3U);
  EXPECT_TRUE(Names().contains(last));
}

TEST_F(StatsFileKeeperTest, SizesCount) {
  for (int64_t id = 1; id <= 10; ++id) {
    WriteStats(id, kNow - 100 * kSecond + id);
  }
  StatsFileKeeper keeper(folder_, {.max_bytes = 5 * 4096});
  EXPECT_EQ(keeper.Prune(kNow), 5);
}

TEST_F(StatsFileKeeperTest, WhatPinfoDidNotWriteStays) {
  const int64_t old = kNow - 1000 * kDay;
  const std::string own = Write("my.stats", old);
  const std::string notes = Write("01-Jan-2020_00-00-00.000000_GET_1.txt", old);
  std::filesystem::create_directory(folder_ / StatsFileName(old, "GET", 7));
  Write("accumulated", old);
  std::filesystem::create_symlink("my.stats", folder_ / StatsFileName(old, "GET", 8));
  StatsFileKeeper keeper(folder_, {.max_age_ns = kDay, .max_bytes = 0, .max_files = 0});
  EXPECT_EQ(keeper.Prune(kNow), 0);
  EXPECT_THAT(Names(), UnorderedElementsAre(own, notes, "accumulated", StatsFileName(old, "GET", 7),
                                            StatsFileName(old, "GET", 8)));
}

TEST_F(StatsFileKeeperTest, WithoutTheFolderNothingHappens) {
  StatsFileKeeper keeper(folder_ / "none", {});
  keeper.Add(folder_ / "none/a.stats", kNow);
  EXPECT_EQ(keeper.Prune(kNow), 0);
}

}  // namespace
}  // namespace pinfo

// Keeps the folder of requests' stats files within an age, a number and a size: the oldest go. What
// is not named as pinfo names them (pstats_writer.h), and what lies in folders below, is not
// touched.
//
// One thread. The folder is read when it is first pruned and every hour after that, since others
// write into it, too; in between the files that are added here are counted. Errors of single files
// are not told: what cannot be deleted is met again at the next reading.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace pinfo {

struct StatsFileLimits {
  int64_t max_age_ns = int64_t{14} * 86'400 * 1'000'000'000;
  int64_t max_bytes = 1'000'000'000;
  int64_t max_files = 100'000;
};

class StatsFileKeeper {
 public:
  StatsFileKeeper(std::string directory, const StatsFileLimits& limits)
      : directory_(std::move(directory)), limits_(limits) {}

  // A file was written into the folder just now.
  void Add(const std::string& path, int64_t wall_ns);
  // Deletes the oldest, at most some thousand a call; returns how many.
  int64_t Prune(int64_t wall_ns);

 private:
  struct File {
    int64_t wall_ns;  // when it was written
    int64_t bytes;
    std::string name;
  };
  void ReadDirectory(int64_t wall_ns);

  std::string directory_;
  StatsFileLimits limits_;
  std::deque<File> files_;  // oldest first
  int64_t bytes_ = 0;
  int64_t next_reading_ns_ = INT64_MIN;
};

}  // namespace pinfo

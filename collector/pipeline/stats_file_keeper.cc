#include "collector/pipeline/stats_file_keeper.h"

#include <algorithm>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

#include "collector/emit/pstats_writer.h"

namespace pinfo {
namespace {

constexpr int64_t kReadingIntervalNs = int64_t{3'600} * 1'000'000'000;
constexpr int64_t kDeletedAtOnce = 5'000;

// Bytes on disk, which for many small files is what counts; 0 where there is no such file.
int64_t BytesOnDisk(const struct stat& status) { return int64_t{status.st_blocks} * 512; }

}  // namespace

void StatsFileKeeper::Add(const std::string& path, int64_t wall_ns) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0) {
    files_.push_back({wall_ns, BytesOnDisk(status), std::filesystem::path(path).filename()});
    bytes_ += files_.back().bytes;
  }
}

void StatsFileKeeper::ReadDirectory(int64_t wall_ns) {
  files_.clear();
  bytes_ = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
    std::string name = entry.path().filename();
    struct stat status {};
    if (!IsStatsFileName(name) || lstat(entry.path().c_str(), &status) != 0 ||
        !S_ISREG(status.st_mode)) {
      continue;
    }
    files_.push_back({int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
                      BytesOnDisk(status), std::move(name)});
    bytes_ += files_.back().bytes;
  }
  std::ranges::sort(files_, {}, &File::wall_ns);
  next_reading_ns_ = wall_ns + kReadingIntervalNs;
}

int64_t StatsFileKeeper::Prune(int64_t wall_ns) {
  if (wall_ns >= next_reading_ns_) {
    ReadDirectory(wall_ns);
  }
  int64_t deleted = 0;
  while (!files_.empty() && deleted < kDeletedAtOnce) {
    const File& oldest = files_.front();
    if (oldest.wall_ns >= wall_ns - limits_.max_age_ns && bytes_ <= limits_.max_bytes &&
        static_cast<int64_t>(files_.size()) <= limits_.max_files) {
      break;
    }
    if (unlink((directory_ + "/" + oldest.name).c_str()) == 0) {
      ++deleted;
    }
    bytes_ -= oldest.bytes;
    files_.pop_front();
  }
  return deleted;
}

}  // namespace pinfo

#include "collector/stack/table_cache.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <fmt/format.h>

namespace pinfo {
namespace {

// A table smaller than this is built faster than it is found.
constexpr size_t kMinCachedRows = 2000;
constexpr off_t kMaxCacheFileBytes = off_t{64} << 20;
constexpr std::string_view kSuffix = ".unwind";
// What a writer that was killed leaves behind is no older than a write lasts.
constexpr int64_t kAbandonedSeconds = 3600;
// A file's time of last use is kept this exact: reading a table is seldom a write.
constexpr int64_t kUseSeconds = 24 * 3600;

// Of the bytes that the table is made from.
uint64_t ContentKey(const ElfFile& file) {
  uint64_t key = 0;
  for (const char* name : {".eh_frame", ".debug_frame"}) {
    uint64_t part = 0;
    if (const ElfSection* section = file.FindSection(name)) {
      const auto bytes = file.Contents(*section);
      part = ::crc32_z(section->address, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
    }
    key = key << 32 ^ part;
  }
  return key;
}

// Nobody but this user and root can have written it.
bool IsTrusted(const struct stat& info) {
  return (info.st_uid == ::geteuid() || info.st_uid == 0) && (info.st_mode & 022) == 0;
}

std::optional<std::vector<std::byte>> ReadWhole(int fd, size_t size) {
  std::vector<std::byte> bytes(size);
  size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(fd, bytes.data() + done, size - done);
    if (got <= 0) {
      return std::nullopt;
    }
    done += got;
  }
  return bytes;
}

std::optional<std::vector<std::byte>> ReadTrusted(int directory, const std::string& name) {
  const UniqueFd fd(::openat(directory, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) || !IsTrusted(info) ||
      info.st_size > kMaxCacheFileBytes) {
    return std::nullopt;
  }
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec - info.st_mtim.tv_sec > kUseSeconds) {
    ::futimens(fd.get(), nullptr);
  }
  return ReadWhole(fd.get(), info.st_size);
}

bool WriteWhole(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put <= 0) {
      return false;
    }
    bytes = bytes.subspan(put);
  }
  return true;
}

struct CachedFile {
  std::string name;
  uint64_t bytes = 0;
  int64_t used_seconds = 0;
};

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

std::vector<CachedFile> FilesOf(int directory) {
  std::vector<CachedFile> files;
  const int again = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, CloseDirectory> listing(again < 0 ? nullptr : ::fdopendir(again));
  while (listing != nullptr) {
    const dirent* entry = ::readdir(listing.get());
    struct stat info {};
    if (entry == nullptr) {
      break;
    }
    const std::string name = entry->d_name;
    if (name.find(kSuffix) != std::string::npos &&
        ::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISREG(info.st_mode)) {
      files.push_back({name, static_cast<uint64_t>(info.st_size), info.st_mtim.tv_sec});
    }
  }
  return files;
}

}  // namespace

std::string TableCache::DefaultDirectory() {
  if (::geteuid() == 0) {
    return "/var/cache/pinfo";
  }
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && cache[0] == '/') {
    return std::string(cache) + "/pinfo";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') {
    return std::string(home) + "/.cache/pinfo";
  }
  return {};
}

// Opened once and used by its descriptor, so that it cannot be exchanged between check and use.
UniqueFd TableCache::OpenDirectory() const {
  UniqueFd fd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(directory_).parent_path(), error);
    ::mkdir(directory_.c_str(), 0700);  // where it cannot be made, the open tells
    fd = UniqueFd(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  }
  struct stat info {};
  return fd && ::fstat(fd.get(), &info) == 0 && IsTrusted(info) ? std::move(fd) : UniqueFd();
}

// Under a name of its own first: readers see the whole file or none.
void TableCache::Put(int directory, const std::string& name,
                     std::span<const std::byte> bytes) const {
  uint64_t number = 0;
  if (bytes.size() > static_cast<size_t>(kMaxCacheFileBytes) || bytes.size() > max_bytes_ ||
      ::getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number)) {
    return;
  }
  const std::string temporary = fmt::format("{}.{:016x}", name, number);
  const UniqueFd fd(::openat(directory, temporary.c_str(),
                             O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) {
    return;
  }
  if (!WriteWhole(fd.get(), bytes) ||
      ::renameat(directory, temporary.c_str(), directory, name.c_str()) != 0) {
    ::unlinkat(directory, temporary.c_str(), 0);
    return;
  }
  Trim(directory);
}

void TableCache::Trim(int directory) const {
  std::vector<CachedFile> files = FilesOf(directory);
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::sort(files.begin(), files.end(), [](const CachedFile& a, const CachedFile& b) {
    return a.used_seconds < b.used_seconds;
  });
  uint64_t total = 0;
  for (const CachedFile& file : files) {
    total += file.bytes;
  }
  for (const CachedFile& file : files) {
    const bool abandoned =
        !file.name.ends_with(kSuffix) && now.tv_sec - file.used_seconds > kAbandonedSeconds;
    if ((total > max_bytes_ || abandoned) &&
        ::unlinkat(directory, file.name.c_str(), 0) == 0) {
      total -= file.bytes;
    }
  }
}

UnwindTable TableCache::Get(const ElfFile& file, const ElfFile* debug_file) const {
  if (directory_.empty() || file.build_id().empty()) {
    return UnwindTable::Build(file, debug_file);
  }
  const UniqueFd directory = OpenDirectory();
  if (!directory) {
    return UnwindTable::Build(file, debug_file);
  }
  const std::string name = fmt::format("{}{}", file.build_id(), kSuffix);
  const uint64_t key =
      ContentKey(file) ^ (debug_file == nullptr ? 0 : ~ContentKey(*debug_file));
  if (const auto bytes = ReadTrusted(directory.get(), name)) {
    if (auto cached = UnwindTable::FromBytes(*bytes, key)) {
      return std::move(*cached);
    }
  }
  UnwindTable table = UnwindTable::Build(file, debug_file);
  if (table.row_count() >= kMinCachedRows) {
    Put(directory.get(), name, table.ToBytes(key));
  }
  return table;
}

}  // namespace pinfo

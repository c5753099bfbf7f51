#include "collector/stack/table_cache.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/unique_fd.h"

namespace pinfo {
namespace {

// A table smaller than this is built faster than it is found.
constexpr size_t kMinCachedRows = 2000;
constexpr off_t kMaxCacheFileBytes = off_t{256} << 20;

// A build id is chosen by whoever built the file. The sizes of what the table is made from tell
// apart files that share one by mistake.
uint64_t ContentKey(const ElfFile& file) {
  uint64_t key = 0;
  for (const char* name : {".eh_frame", ".debug_frame"}) {
    const ElfSection* section = file.FindSection(name);
    key = (key << 32) ^ (section == nullptr ? 0 : section->size ^ (section->address << 16));
  }
  return key;
}

std::vector<std::byte> ReadWhole(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
      info.st_size > kMaxCacheFileBytes) {
    return {};
  }
  std::vector<std::byte> bytes(info.st_size);
  const ssize_t got = ::read(fd.get(), bytes.data(), bytes.size());
  bytes.resize(got < 0 ? 0 : got);
  return bytes;
}

// Under a name of its own first: readers see the whole file or none.
void WriteAtomically(const std::string& path, std::span<const std::byte> bytes) {
  std::string temporary = path + ".XXXXXX";
  const UniqueFd fd(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) {
    return;
  }
  const bool written =
      ::write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) {
    ::unlink(temporary.c_str());
  }
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

std::string TableCache::PathOf(const ElfFile& file) const {
  if (directory_.empty() || file.build_id().empty()) {
    return {};
  }
  return fmt::format("{}/{}.unwind", directory_, file.build_id());
}

UnwindTable TableCache::Get(const ElfFile& file) const {
  const std::string path = PathOf(file);
  if (path.empty()) {
    return UnwindTable::Build(file);
  }
  const uint64_t key = ContentKey(file);
  if (auto cached = UnwindTable::FromBytes(ReadWhole(path), key)) {
    return std::move(*cached);
  }
  UnwindTable table = UnwindTable::Build(file);
  if (table.row_count() >= kMinCachedRows) {
    std::error_code error;
    const std::filesystem::path directory(directory_);
    std::filesystem::create_directories(directory.parent_path(), error);
    ::mkdir(directory_.c_str(), 0700);  // where it exists or cannot be made, the write tells
    WriteAtomically(path, table.ToBytes(key));
  }
  return table;
}

}  // namespace pinfo

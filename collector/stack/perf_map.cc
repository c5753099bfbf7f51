#include "collector/stack/perf_map.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <fstream>
#include <iterator>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/stack/root_open.h"

namespace pinfo {
namespace {

constexpr size_t kMaxNameBytes = 1024;
constexpr uint64_t kMaxFileBytes = uint64_t{256} << 20;
constexpr size_t kChunkBytes = 1 << 20;

std::optional<uint64_t> TakeHex(std::string_view& text) {
  if (text.starts_with("0x")) {
    text.remove_prefix(2);
  }
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end == text.data() + text.size() || *end != ' ') {
    return std::nullopt;
  }
  text.remove_prefix(end - text.data() + 1);
  return value;
}

// What /proc/PID/status says of a process.
struct Owner {
  uint32_t number = 0;         // in its innermost pid namespace: the last of "NSpid:" (proc(5))
  std::vector<uint32_t> uids;  // real, effective, saved, of the file system
};

std::vector<uint32_t> NumbersIn(std::string_view text) {
  std::vector<uint32_t> numbers;
  while (!text.empty()) {
    const size_t digit = text.find_first_of("0123456789");
    uint32_t number = 0;
    if (digit == std::string_view::npos) {
      break;
    }
    const auto [end, error] =
        std::from_chars(text.data() + digit, text.data() + text.size(), number);
    numbers.push_back(number);
    text.remove_prefix(end - text.data());
  }
  return numbers;
}

Owner OwnerOf(Pid pid) {
  Owner owner;
  owner.number = pid.value;
  std::ifstream status(fmt::format("/proc/{}/status", pid.value));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Uid:")) {
      owner.uids = NumbersIn(line);
    } else if (line.starts_with("NSpid:")) {
      const auto numbers = NumbersIn(line);
      owner.number = numbers.empty() ? pid.value : numbers.back();
    }
  }
  return owner;
}

// When the process began, in seconds of the wall clock; 0 where it is gone.
int64_t StartOf(Pid pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid.value));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  // Field 22, counted from behind the command, which may hold anything and ends field 2.
  size_t at = text.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) {
    at = text.find(' ', at + 1);
  }
  uint64_t ticks = 0;
  if (at == std::string::npos ||
      std::from_chars(text.data() + at + 1, text.data() + text.size(), ticks).ec != std::errc{}) {
    return 0;
  }
  timespec wall{};
  timespec boot{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  ::clock_gettime(CLOCK_BOOTTIME, &boot);
  return wall.tv_sec - boot.tv_sec + static_cast<int64_t>(ticks / ::sysconf(_SC_CLK_TCK));
}

// Rounding, and a wall clock that was set meanwhile.
constexpr int64_t kStartSlackSeconds = 2;

bool IsOfProcess(const struct stat& file, const Owner& owner, Pid pid) {
  const bool owned = file.st_uid == 0 || std::find(owner.uids.begin(), owner.uids.end(),
                                                   file.st_uid) != owner.uids.end();
  return owned && file.st_mtim.tv_sec + kStartSlackSeconds >= StartOf(pid);
}

}  // namespace

void PerfMap::AddLine(std::string_view line) {
  const auto start = TakeHex(line);
  const auto size = start ? TakeHex(line) : std::nullopt;
  if (!size || *size == 0 || *start + *size < *start || line.empty()) {
    return;
  }
  ++version_;
  const uint64_t end = *start + *size;
  auto at = entries_.lower_bound(*start);
  if (at != entries_.begin() && std::prev(at)->second.end > *start) {
    --at;
  }
  while (at != entries_.end() && at->first < end) {
    text_bytes_ -= at->second.name.size();
    at = entries_.erase(at);
  }
  const std::string_view name = line.substr(0, kMaxNameBytes);
  if (entries_.size() < kMaxEntries && text_bytes_ + name.size() <= kMaxTextBytes) {
    text_bytes_ += name.size();
    entries_.emplace(*start, Code{end, std::string(name)});
  }
}

size_t PerfMap::Add(std::string_view text) {
  size_t used = 0;
  for (size_t newline = text.find('\n'); newline != std::string_view::npos;
       newline = text.find('\n', used)) {
    AddLine(text.substr(used, newline - used));
    used = newline + 1;
  }
  return used;
}

std::optional<std::string_view> PerfMap::Find(uint64_t address) const {
  const auto after = entries_.upper_bound(address);
  if (after == entries_.begin() || address >= std::prev(after)->second.end) {
    return std::nullopt;
  }
  return std::prev(after)->second.name;
}

void PerfMap::Clear() {
  entries_.clear();
  text_bytes_ = 0;
}

void PerfMap::Refresh(Pid pid, const std::string& root) {
  const Owner owner = OwnerOf(pid);
  const auto fd = OpenInRoot(root, fmt::format("/tmp/perf-{}.map", owner.number));
  struct stat info {};
  if (!fd || ::fstat(fd->get(), &info) != 0 || !IsOfProcess(info, owner, pid)) {
    return;
  }
  if (info.st_ino != inode_ || static_cast<uint64_t>(info.st_size) < read_bytes_) {
    Clear();
    inode_ = info.st_ino;
    read_bytes_ = 0;
  }
  std::vector<char> buffer(kChunkBytes);
  while (read_bytes_ < kMaxFileBytes) {
    const ssize_t got =
        ::pread(fd->get(), buffer.data(), buffer.size(), static_cast<off_t>(read_bytes_));
    const size_t used = got <= 0 ? 0 : Add({buffer.data(), static_cast<size_t>(got)});
    if (used == 0) {
      return;  // the end, or a line longer than the buffer: no map
    }
    read_bytes_ += used;
  }
}

}  // namespace pinfo

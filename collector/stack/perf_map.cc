#include "collector/stack/perf_map.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/stack/root_open.h"

namespace pinfo {
namespace {

constexpr size_t kMaxNameBytes = 1024;
constexpr size_t kMaxEntries = 1'000'000;
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

// The process's number in its innermost pid namespace: the last of "NSpid:" (proc(5)).
uint32_t PidInNamespace(Pid pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid.value));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("NSpid:")) {
      const std::string_view last = std::string_view(line).substr(line.find_last_of("\t ") + 1);
      uint32_t number = 0;
      std::from_chars(last.data(), last.data() + last.size(), number);
      return number;
    }
  }
  return pid.value;
}

}  // namespace

void PerfMap::AddLine(std::string_view line) {
  const auto start = TakeHex(line);
  const auto size = start ? TakeHex(line) : std::nullopt;
  if (!size || *size == 0 || *start + *size < *start || line.empty() ||
      entries_.size() >= kMaxEntries) {
    return;
  }
  const uint64_t end = *start + *size;
  auto at = entries_.lower_bound(*start);
  if (at != entries_.begin() && std::prev(at)->second.end > *start) {
    --at;
  }
  while (at != entries_.end() && at->first < end) {
    at = entries_.erase(at);
  }
  entries_.emplace(*start, Code{end, std::string(line.substr(0, kMaxNameBytes))});
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

void PerfMap::Refresh(Pid pid, const std::string& root) {
  const auto fd = OpenInRoot(root, fmt::format("/tmp/perf-{}.map", PidInNamespace(pid)));
  struct stat info {};
  if (!fd || ::fstat(fd->get(), &info) != 0) {
    return;
  }
  if (info.st_ino != inode_ || static_cast<uint64_t>(info.st_size) < read_bytes_) {
    entries_.clear();
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

#include "collector/stack/proc_maps.h"

#include <charconv>

#include <fcntl.h>
#include <fmt/format.h>

#include "collector/base/unique_fd.h"

namespace pinfo {
namespace {

// Reads a number in the given base from the front of text and then the separator.
template <typename T>
bool TakeNumber(std::string_view& text, int base, char separator, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end == text.data() + text.size() || *end != separator) {
    return false;
  }
  text.remove_prefix(end - text.data() + 1);
  return true;
}

// The kernel writes a newline inside a path as \012 and nothing else (seq_path with "\n").
std::string UnescapePath(std::string_view path) {
  std::string result;
  for (size_t at = 0; at < path.size();) {
    if (path.substr(at).starts_with("\\012")) {
      result += '\n';
      at += 4;
    } else {
      result += path[at++];
    }
  }
  return result;
}

}  // namespace

std::optional<MapsLine> ParseMapsLine(std::string_view line) {
  MapsLine parsed;
  Mapping& mapping = parsed.mapping;
  if (!TakeNumber(line, 16, '-', mapping.start) || !TakeNumber(line, 16, ' ', mapping.end) ||
      line.size() < 5 || line[4] != ' ') {
    return std::nullopt;
  }
  parsed.executable = line[2] == 'x';
  line.remove_prefix(5);
  if (!TakeNumber(line, 16, ' ', mapping.file_offset) ||
      !TakeNumber(line, 16, ':', mapping.device_major) ||
      !TakeNumber(line, 16, ' ', mapping.device_minor)) {
    return std::nullopt;
  }
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), mapping.inode);
  if (error != std::errc{} || mapping.start >= mapping.end) {
    return std::nullopt;
  }
  line.remove_prefix(end - line.data());
  const size_t path = line.find_first_not_of(' ');
  if (path != std::string_view::npos) {
    mapping.path = UnescapePath(line.substr(path));
  }
  return parsed;
}

std::vector<Mapping> ParseMaps(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    auto line = ParseMapsLine(text.substr(0, newline));
    if (line && line->executable) {
      mappings.push_back(std::move(line->mapping));
    }
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  }
  return mappings;
}

Result<std::vector<Mapping>> ReadProcMaps(Pid pid) {
  const std::string path = fmt::format("/proc/{}/maps", pid.value);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return FailErrno(path);
  }
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
    if (got < 0) {
      return FailErrno(path);
    }
    if (got == 0) {
      return ParseMaps(text);
    }
    text.append(buffer, got);
  }
}

}  // namespace pinfo

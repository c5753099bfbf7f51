// Paths, links and directories below /proc, for those who read them.
#pragma once

#include <string>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "collector/base/ids.h"
#include "collector/base/unique_fd.h"

namespace pinfo {

inline std::string ProcPath(Pid pid, const char* name) {
  return "/proc/" + std::to_string(pid.value) + "/" + name;
}

// At most PINFO_TEXT_MAX bytes; empty, with errno, where it cannot be read.
inline std::string ReadLink(const std::string& path) {
  char target[PINFO_TEXT_MAX];
  const ssize_t length = readlink(path.c_str(), target, sizeof(target));
  return length > 0 ? std::string(target, static_cast<size_t>(length)) : std::string();
}

// Calls visit with each line until it returns false; what lies behind is not read, nor made by the
// kernel: tables of connections are long.
template <typename Visit>
void ForFirstLines(const std::string& path, Visit visit) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string rest;
  char chunk[4096];
  for (ssize_t n = 0; fd && (n = read(fd.get(), chunk, sizeof(chunk))) > 0;) {
    rest.append(chunk, static_cast<size_t>(n));
    size_t from = 0;
    for (size_t end = 0; (end = rest.find('\n', from)) != std::string::npos; from = end + 1) {
      if (!visit(rest.substr(from, end - from))) {
        return;
      }
    }
    rest.erase(0, from);
  }
}

// Calls visit with each entry's name of a directory.
template <typename Visit>
void ForEachEntry(const std::string& path, Visit visit) {
  DIR* dir = opendir(path.c_str());
  if (dir == nullptr) {
    return;
  }
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] != '.') {
      visit(std::string_view(entry->d_name));
    }
  }
  closedir(dir);
}

}  // namespace pinfo

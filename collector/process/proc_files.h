// Paths, links and directories below /proc, for those who read them.
#pragma once

#include <string>
#include <string_view>

#include <dirent.h>
#include <unistd.h>

#include "bpf/wire.h"
#include "collector/base/ids.h"

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

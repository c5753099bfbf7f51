#include "cli/preload_path.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include <unistd.h>

namespace pinfo::cli {

Result<std::string> FindPreloadLibrary() {
  std::error_code error;
  std::vector<std::filesystem::path> candidates;
  if (const char* path = std::getenv("PINFO_PRELOAD"); path != nullptr && *path != '\0') {
    candidates.emplace_back(path);
  } else {
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
    candidates.push_back(self.parent_path() / "libpinfo.so");
    candidates.push_back(self.parent_path().parent_path() / "lib/pinfo/libpinfo.so");
  }
  for (const std::filesystem::path& candidate : candidates) {
    if (access(candidate.c_str(), R_OK) == 0) {
      return std::filesystem::canonical(candidate, error).string();
    }
  }
  return Fail("libpinfo.so is not at " + candidates.front().string() +
              "; set PINFO_PRELOAD to its path");
}

}  // namespace pinfo::cli

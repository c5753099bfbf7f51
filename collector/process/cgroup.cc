#include "collector/process/cgroup.h"

#include <filesystem>
#include <set>
#include <sstream>
#include <system_error>

#include <unistd.h>

#include "collector/base/read_all.h"

namespace pinfo {
namespace {

constexpr std::string_view kMountPoint = "/sys/fs/cgroup";

// The roots of the hierarchies: the mount point itself where it is cgroup v2 (it then has
// cgroup.procs), else its folders.
std::vector<std::string> Hierarchies() {
  std::vector<std::string> roots;
  if (access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0) {
    roots.emplace_back(kMountPoint);
    return roots;
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kMountPoint, error)) {
    roots.push_back(entry.path().string());
  }
  return roots;
}

void AddProcesses(const std::string& directory, std::set<Pid>& pids) {
  std::istringstream in(ReadAll(directory + "/cgroup.procs"));
  uint32_t pid = 0;
  while (in >> pid) {
    if (pid != 0) {  // a process that this pid namespace does not know
      pids.insert(Pid{pid});
    }
  }
}

}  // namespace

std::string NormalizeCgroup(std::string_view path) {
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  for (const std::string& root : Hierarchies()) {
    if (path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/')) {
      path.remove_prefix(root.size());
      break;
    }
  }
  return path.starts_with('/') ? std::string(path) : "/" + std::string(path);
}

bool InCgroup(Pid pid, std::string_view group) {
  std::istringstream in(ReadAll("/proc/" + std::to_string(pid.value) + "/cgroup"));
  std::string line;
  while (std::getline(in, line)) {
    // hierarchy:controllers:path, cgroups(7)
    const size_t path_at = line.find(':', line.find(':') + 1);
    if (path_at == std::string::npos) {
      continue;
    }
    const std::string_view path = std::string_view(line).substr(path_at + 1);
    if (path == group || group == "/" ||
        (path.starts_with(group) && path.size() > group.size() && path[group.size()] == '/')) {
      return true;
    }
  }
  return false;
}

std::string CgroupV2Directory(std::string_view group) {
  for (const std::string& root : Hierarchies()) {
    const std::string directory = root + std::string(group);
    // Only v2 has it, at every level.
    if (access((root + "/cgroup.controllers").c_str(), F_OK) == 0 &&
        access(directory.c_str(), F_OK) == 0) {
      return directory;
    }
  }
  return {};
}

std::vector<Pid> CgroupProcesses(std::string_view group) {
  std::set<Pid> pids;
  for (const std::string& root : Hierarchies()) {
    const std::string directory = root + std::string(group);
    AddProcesses(directory, pids);
    std::error_code error;
    auto each = std::filesystem::recursive_directory_iterator(
        directory, std::filesystem::directory_options::skip_permission_denied, error);
    while (!error && each != std::filesystem::recursive_directory_iterator()) {
      if (each->is_directory(error)) {
        AddProcesses(each->path().string(), pids);
      }
      each.increment(error);  // groups come and go: an error ends the walk of this hierarchy
    }
  }
  return {pids.begin(), pids.end()};
}

}  // namespace pinfo

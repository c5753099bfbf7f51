#include "collector/emit/accumulated_stats.h"

#include <cerrno>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "collector/base/unique_fd.h"
#include "collector/emit/pstats_reader.h"
#include "collector/emit/pstats_writer.h"

namespace pinfo {
namespace {

constexpr size_t kMaxNameLength = 100;
constexpr int kMaxSetAside = 1000;

std::string SafeName(std::string_view text) {
  std::string safe(text.substr(0, kMaxNameLength));
  for (char& c : safe) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.';
    c = plain ? c : '_';
  }
  return safe;
}

// A name nothing has yet. The lock is held, so nobody takes it meanwhile.
std::string FreeName(const std::string& path) {
  std::string name;
  for (int i = 1; i <= kMaxSetAside; ++i) {
    name = fmt::format("{}.damaged.{}", path, i);
    if (::access(name.c_str(), F_OK) != 0) {
      break;
    }
  }
  return name;
}

}  // namespace

std::string AccumulatedFileName(std::string_view site, std::string_view route) {
  uint32_t hash = 2166136261U;  // FNV-1a: the same in every run
  for (const std::string_view part : {site, std::string_view("\0", 1), route}) {
    for (const char c : part) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    }
  }
  // No leading dot: hidden files are not looked for.
  std::string name = SafeName(site) + "_" + SafeName(route);
  name[0] = name[0] == '.' ? '_' : name[0];
  return fmt::format("{}-{:08x}.stats", name, hash);
}

void AccumulatedStats::Add(std::string_view site, std::string_view route,
                           const CallGraph& profile) {
  for (const std::string& name :
       {std::string(kAccumulatedOverAll), AccumulatedFileName(site, route)}) {
    const auto [it, added] = pending_.try_emplace(name, profile);
    if (!added) {
      it->second = MergeCallGraphs(it->second, profile);
    }
  }
}

std::string AccumulatedStats::PathOf(const std::string& name) const {
  return fmt::format("{}/{}/{}", directory_, kAccumulatedFolder, name);
}

Status AccumulatedStats::Flush() {
  if (pending_.empty()) {
    return {};
  }
  std::error_code error;
  std::filesystem::create_directories(PathOf(""), error);
  const std::string lock_path = PathOf(".lock");
  const UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock) {
    return FailErrno(fmt::format("cannot write {}", lock_path));
  }
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return FailErrno(fmt::format("cannot lock {}", lock_path));
  }
  while (!pending_.empty()) {
    const auto first = pending_.begin();
    if (const Status status = AddToFile(first->first, first->second); !status) {
      return status;
    }
    pending_.erase(first);  // never added twice, whatever happens to the others
  }
  return {};
}

Status AccumulatedStats::AddToFile(const std::string& name, const CallGraph& profile) {
  const std::string path = PathOf(name);
  if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    return WriteStatsFile(profile, path);
  }
  const Result<CallGraph> before = ReadStatsFile(path);
  if (before) {
    return WriteStatsFile(MergeCallGraphs(*before, profile), path);
  }
  const std::string aside = FreeName(path);
  if (::rename(path.c_str(), aside.c_str()) != 0) {
    return FailErrno(fmt::format("cannot set {} aside", path));
  }
  messages_.push_back(fmt::format(
      "{}: {}; it was set aside as {} and begun anew ('pinfo export --format pstats' makes one of "
      "what the database has)",
      path, before.error().message, aside));
  return WriteStatsFile(profile, path);
}

}  // namespace pinfo

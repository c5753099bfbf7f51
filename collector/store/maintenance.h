// Upkeep of a database by hand, beside collectors that go on writing: removing, checking, copying.
//
// Every function opens the database for itself and works in steps or in one transaction; another
// writer waits at most for one of them. What is removed frees pages inside the file, which are then
// given back to the file system step by step, so that nobody is locked out for long.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "collector/base/ids.h"
#include "collector/base/result.h"

namespace pinfo {

struct Removed {
  int64_t rows = 0;
  int64_t bytes = 0;  // the file became smaller by
};

// The processes with their /proc figures and what is counted of them by site. Their requests stay.
Result<Removed> RemoveProcesses(const std::string& path, std::span<const ProcessId> processes);
// Whatever ended before: requests, samples, figures, minutes, sessions, processes.
Result<Removed> RemoveOlderThan(const std::string& path, int64_t now_wall_ns, int64_t max_age_ns);
// All that was ever seen. What running collectors refer to stays: processes without an end, their
// open sessions, and names (of sites, routes, functions), which no view shows without data.
Result<Removed> RemoveEverything(const std::string& path);

struct TableInfo {
  std::string name;
  int64_t rows = 0;
};
struct DatabaseInfo {
  std::string path;  // absolute
  int64_t schema = 0;
  int64_t known_schema = 0;  // of this pinfo
  int64_t bytes = 0;
  int64_t wal_bytes = 0;                 // not yet in the file itself
  int64_t free_bytes = 0;                // inside the file
  std::optional<int64_t> first_wall_ns;  // of any request kept or counted
  std::optional<int64_t> last_wall_ns;
  std::vector<TableInfo> tables;  // by name
};
Result<DatabaseInfo> DescribeDatabase(const std::string& path);

// What SQLite's own check finds wrong, a sentence each; empty: nothing.
Result<std::vector<std::string>> CheckDatabase(const std::string& path);

// A whole copy as of one moment, without free pages, while writers go on; on disk when this
// returns. Fails where to exists already; leaves no half of a copy.
Status BackUpDatabase(const std::string& path, const std::string& to);

}  // namespace pinfo

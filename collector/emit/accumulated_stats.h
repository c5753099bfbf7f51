// Stats files that grow with every profiled request: one for each route and one over all, in
// DIRECTORY/accumulated. Several pinfo processes may add to the same files, one after the other; a
// reader sees a whole file at any time.
//
// One thread. Nothing here waits for longer than the writing of a file takes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "collector/base/result.h"
#include "collector/profile/call_graph.h"

namespace pinfo {

// "SITE_ROUTE-hhhhhhhh.stats" with only letters, digits, '.', '-' and '_' of them; the eight digits
// are a hash of both, so that no two routes share a file. "all.stats" is the one over all.
std::string AccumulatedFileName(std::string_view site, std::string_view route);
inline constexpr std::string_view kAccumulatedFolder = "accumulated";
inline constexpr std::string_view kAccumulatedOverAll = "all.stats";

class AccumulatedStats {
 public:
  explicit AccumulatedStats(std::string directory) : directory_(std::move(directory)) {}

  // Kept in memory until Flush.
  void Add(std::string_view site, std::string_view route, const CallGraph& profile);

  // Adds what was gathered to the files: under a lock, each replaced by rename. A file that cannot
  // be read as a stats file is set aside as NAME.damaged.N and begun anew; `messages` has a line
  // for each. Fails, keeping what was gathered for the next time, where another process holds the
  // lock or a file cannot be written.
  Status Flush();

  [[nodiscard]] bool empty() const { return pending_.empty(); }
  [[nodiscard]] const std::vector<std::string>& messages() const { return messages_; }

 private:
  [[nodiscard]] std::string PathOf(const std::string& name) const;
  Status AddToFile(const std::string& name, const CallGraph& profile);

  std::string directory_;
  std::map<std::string, CallGraph> pending_;  // by file name
  std::vector<std::string> messages_;
};

}  // namespace pinfo

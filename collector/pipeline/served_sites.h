// What one process served, by site, since it was last stored. One thread.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "collector/store/rows.h"

namespace pinfo {

class ServedSites {
 public:
  // Called for every request: a process mostly serves the same site again.
  void Add(const RequestRow& row);
  [[nodiscard]] bool empty() const { return by_site_.empty(); }
  [[nodiscard]] std::vector<ProcessSiteRow> Rows(ProcessId process) const;
  void Clear();

 private:
  std::unordered_map<std::string, ProcessSiteRow> by_site_;
  ProcessSiteRow* last_ = nullptr;  // in by_site_, whose elements do not move
};

}  // namespace pinfo

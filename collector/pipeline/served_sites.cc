#include "collector/pipeline/served_sites.h"

#include <algorithm>

namespace pinfo {

void ServedSites::Add(const RequestRow& row) {
  if (last_ == nullptr || last_->site != row.site) {
    last_ = &by_site_[row.site];
    if (last_->requests == 0) {
      last_->site = row.site;
      last_->first_wall_ns = row.start_wall_ns;
    }
  }
  ++last_->requests;
  last_->failed += row.status >= 500 || row.outcome == Outcome::kAborted ? 1 : 0;
  last_->first_wall_ns = std::min(last_->first_wall_ns, row.start_wall_ns);
  last_->last_wall_ns = std::max(last_->last_wall_ns, row.start_wall_ns);
  if (row.outcome == Outcome::kPartial) {
    return;  // counted, but its latency is not known
  }
  last_->latency_sum_ns += row.latency_ns;
  if (row.on_cpu_ns) {
    ++last_->timed;
    last_->on_cpu_sum_ns += *row.on_cpu_ns;
  }
}

std::vector<ProcessSiteRow> ServedSites::Rows(ProcessId process) const {
  std::vector<ProcessSiteRow> rows;
  rows.reserve(by_site_.size());
  for (const auto& [site, row] : by_site_) {
    rows.push_back(row);
    rows.back().process = process;
  }
  return rows;
}

void ServedSites::Clear() {
  by_site_.clear();
  last_ = nullptr;
}

}  // namespace pinfo

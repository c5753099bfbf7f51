// Requests that match a pattern, as metrics: the pipeline shows each request, the book gets its
// latency.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "collector/config/configuration.h"
#include "collector/metric/metric_book.h"
#include "collector/store/rows.h"

namespace pinfo {

class RequestCounter {
 public:
  // book must outlive it.
  explicit RequestCounter(MetricBook& book) : book_(book) {}

  // From now on these; others in metrics are left alone. Any thread.
  void SetPatterns(const std::vector<MetricSettings>& metrics);
  // Requests that were under way before pinfo looked have no latency and are left out. Any thread.
  void Observe(const RequestRow& row);

 private:
  struct Pattern {
    std::string metric;
    RequestSource source;
  };
  MetricBook& book_;
  std::atomic<bool> any_ = false;
  std::mutex mutex_;
  std::vector<Pattern> patterns_;
};

// Whether the request is one that the pattern means.
bool Matches(const RequestSource& source, const RequestRow& row);

}  // namespace pinfo

#include "collector/metric/request_counter.h"

#include <algorithm>

#include <strings.h>

#include "collector/base/glob.h"

namespace pinfo {

bool Matches(const RequestSource& source, const RequestRow& row) {
  const std::string_view target(row.target);
  return (source.method.empty() || strcasecmp(source.method.c_str(), row.method.c_str()) == 0) &&
         (source.status == 0 || source.status == row.status) &&
         (source.status_class == 0 || source.status_class == row.status / 100) &&
         GlobMatches(source.target, target.substr(0, target.find_first_of("?#"))) &&
         (source.site.empty() || GlobMatches(source.site, row.site));
}

void RequestCounter::SetPatterns(const std::vector<MetricSettings>& metrics) {
  std::vector<Pattern> patterns;
  for (const MetricSettings& metric : metrics) {
    if (const auto* source = std::get_if<RequestSource>(&metric.source)) {
      patterns.push_back({.metric = metric.name, .source = *source});
    }
  }
  const std::lock_guard lock(mutex_);
  patterns_ = std::move(patterns);
  any_ = !patterns_.empty();
}

void RequestCounter::Observe(const RequestRow& row) {
  if (!any_ || row.outcome == Outcome::kPartial) {
    return;
  }
  const std::lock_guard lock(mutex_);
  for (const Pattern& pattern : patterns_) {
    if (Matches(pattern.source, row)) {
      StatsdValue value;
      value.kind = MetricKind::kTiming;
      value.number = static_cast<double>(row.latency_ns) / 1e6;
      book_.Add(pattern.metric, "", value, row.start_wall_ns + row.latency_ns);
    }
  }
}

}  // namespace pinfo

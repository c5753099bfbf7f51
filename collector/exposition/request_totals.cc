#include "collector/exposition/request_totals.h"

#include <algorithm>

#include "collector/config/configuration.h"

namespace pinfo {
namespace {

constexpr int64_t kMinuteNs = 60 * kSecondNs;

void Add(const RequestCounts& counts, RequestCounts& to) {
  to.count += counts.count;
  to.failed += counts.failed;
  to.latency_sum_ns += counts.latency_sum_ns;
  for (const auto& [bucket, count] : counts.histogram) {
    to.histogram[bucket] += count;
  }
}

}  // namespace

RequestTotals::RequestTotals(int64_t since_wall_ns)
    : since_wall_ns_(since_wall_ns), open_minute_(since_wall_ns / kMinuteNs) {}

Status RequestTotals::Update(ExpositionReader& reader, int64_t now_wall_ns) {
  const int64_t next_open = std::max(open_minute_, now_wall_ns / kMinuteNs - kOpenMinutes);
  const auto closing = reader.Requests(open_minute_, next_open);
  const auto open = reader.Requests(next_open, INT64_MAX);
  if (!closing || !open) {
    return tl::unexpected(closing ? open.error() : closing.error());
  }
  for (const auto& [key, counts] : *closing) {
    Add(counts, closed_[key]);
  }
  open_minute_ = next_open;
  totals_ = closed_;
  for (const auto& [key, counts] : *open) {
    Add(counts, totals_[key]);
  }
  return {};
}

}  // namespace pinfo

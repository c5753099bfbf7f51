#include "collector/pipeline/minute_table.h"

#include <algorithm>
#include <utility>

#include "collector/base/histogram.h"

namespace pinfo {
namespace {

constexpr int64_t kMinuteNs = 60'000'000'000;

}  // namespace

void MinuteTable::Add(const RequestRow& row) {
  const int64_t minute = row.start_wall_ns / kMinuteNs;
  Counts& counts = counts_[Key(minute, row.site, row.route, row.method, row.status)];
  MinuteRow& sums = counts.row;
  if (sums.count == 0) {
    sums.site = row.site;
    sums.route = row.route;
    sums.method = row.method;
    sums.status = row.status;
    sums.minute = minute;
  }
  ++sums.count;
  sums.bytes_in += row.bytes_in;
  sums.bytes_out += row.bytes_out;
  if (row.status >= 500 || row.outcome == Outcome::kAborted) {
    ++sums.failed;
  }
  if (row.outcome == Outcome::kPartial) {
    return;
  }
  const bool first = counts.buckets.empty();
  sums.latency_sum_ns += row.latency_ns;
  sums.latency_min_ns = first ? row.latency_ns : std::min(sums.latency_min_ns, row.latency_ns);
  sums.latency_max_ns = std::max(sums.latency_max_ns, row.latency_ns);
  if (row.on_cpu_ns) {
    ++sums.timed;
    sums.on_cpu_sum_ns += *row.on_cpu_ns;
  }
  ++counts.buckets[HistogramBucket(row.latency_ns)];
}

std::vector<MinuteRow> MinuteTable::Take() {
  std::vector<MinuteRow> rows;
  rows.reserve(counts_.size());
  for (auto& [key, counts] : counts_) {
    counts.row.histogram.assign(counts.buckets.begin(), counts.buckets.end());
    rows.push_back(std::move(counts.row));
  }
  counts_.clear();
  return rows;
}

}  // namespace pinfo

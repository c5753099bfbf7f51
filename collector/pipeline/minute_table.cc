#include "collector/pipeline/minute_table.h"

#include <algorithm>
#include <functional>
#include <string_view>

#include "collector/base/histogram.h"

namespace pinfo {
namespace {

constexpr int64_t kMinuteNs = 60'000'000'000;

}  // namespace

MinuteTable::Counts& MinuteTable::CountsOf(const RequestRow& row, int64_t minute) {
  const std::hash<std::string_view> hash;
  Counts*& recent = recent_[(hash(row.site) ^ hash(row.route) * 3 ^ hash(row.method) * 5 ^
                             static_cast<size_t>(row.status) * 7) %
                            recent_.size()];
  if (recent != nullptr && recent->row.minute == minute && recent->row.status == row.status &&
      recent->row.route == row.route && recent->row.site == row.site &&
      recent->row.method == row.method) {
    return *recent;
  }
  const auto [at, added] =
      counts_.try_emplace(Key(minute, row.site, row.route, row.method, row.status));
  Counts& counts = at->second;
  if (added) {
    counts.row.site = row.site;
    counts.row.route = row.route;
    counts.row.method = row.method;
    counts.row.status = row.status;
    counts.row.minute = minute;
  }
  recent = &counts;
  return counts;
}

void MinuteTable::Add(const RequestRow& row) {
  Counts& counts = CountsOf(row, row.start_wall_ns / kMinuteNs);
  MinuteRow& sums = counts.row;
  ++sums.count;
  sums.bytes_in += row.bytes_in;
  sums.bytes_out += row.bytes_out;
  if (row.status >= 500 || row.outcome == Outcome::kAborted) {
    ++sums.failed;
  }
  if (row.outcome == Outcome::kPartial) {
    return;
  }
  sums.latency_sum_ns += row.latency_ns;
  sums.latency_min_ns = counts.any ? std::min(sums.latency_min_ns, row.latency_ns) : row.latency_ns;
  sums.latency_max_ns = std::max(sums.latency_max_ns, row.latency_ns);
  counts.any = true;
  if (row.on_cpu_ns) {
    ++sums.timed;
    sums.on_cpu_sum_ns += *row.on_cpu_ns;
  }
  const size_t bucket = HistogramBucket(row.latency_ns);
  if (bucket >= counts.buckets.size()) {
    counts.buckets.resize(bucket + 1);
  }
  ++counts.buckets[bucket];
}

std::vector<MinuteRow> MinuteTable::Rows() const {
  std::vector<MinuteRow> rows;
  rows.reserve(counts_.size());
  for (const auto& [key, counts] : counts_) {
    MinuteRow& row = rows.emplace_back(counts.row);
    for (size_t bucket = 0; bucket < counts.buckets.size(); ++bucket) {
      if (counts.buckets[bucket] != 0) {
        row.histogram.emplace_back(static_cast<uint16_t>(bucket), counts.buckets[bucket]);
      }
    }
  }
  return rows;
}

void MinuteTable::Clear() {
  counts_.clear();
  recent_.fill(nullptr);
}

}  // namespace pinfo

#include "collector/metric/metric_book.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "collector/base/histogram.h"

namespace pinfo {
namespace {

constexpr int64_t kMinuteNs = 60 * kSecondNs;
constexpr double kMillionths = 1e6;

// As metric_bucket has it.
uint16_t BucketOf(double value) {
  const double millionths = value * kMillionths;
  return HistogramBucket(millionths >= 9e18
                             ? INT64_MAX
                             : static_cast<int64_t>(std::llround(std::max(0.0, millionths))));
}

}  // namespace

size_t MetricBook::AddDatagram(std::string_view bytes, int64_t wall_ns) {
  size_t malformed = 0;
  const std::lock_guard lock(mutex_);
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    std::string_view line = bytes.substr(0, end);
    bytes = end == std::string_view::npos ? std::string_view() : bytes.substr(end + 1);
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (line.empty()) {
      continue;
    }
    if (!ParseStatsdLine(line, line_)) {
      ++malformed;
      continue;
    }
    for (const StatsdValue& value : line_.values) {
      AddLocked(line_.name, line_.tags, value, wall_ns);
    }
  }
  return malformed;
}

void MetricBook::Add(std::string_view name, std::string_view tags, const StatsdValue& value,
                     int64_t wall_ns) {
  const std::lock_guard lock(mutex_);
  AddLocked(name, tags, value, wall_ns);
}

void MetricBook::AddSample(MetricSample sample) {
  const std::lock_guard lock(mutex_);
  finished_.push_back(std::move(sample));
}

void MetricBook::Close(Entry& entry) {
  MetricSample& sample = entry.sample;
  if (sample.kind == static_cast<uint8_t>(MetricKind::kSet)) {
    const auto size = static_cast<double>(entry.members.size());
    sample.point = {.start_s = 0, .count = 1, .sum = size, .min = size, .max = size, .last = size};
    members_ -= entry.members.size();
  }
  sample.histogram.assign(entry.buckets.begin(), entry.buckets.end());
  std::sort(sample.histogram.begin(), sample.histogram.end());
  finished_.push_back(std::move(sample));
}

MetricBook::Entry* MetricBook::EntryOf(std::string_view name, std::string_view tags,
                                       const StatsdValue& value, int64_t wall_ns) {
  key_.assign(1, static_cast<char>('0' + static_cast<int>(value.kind)));
  key_ += name;
  key_ += '\n';
  key_ += tags;
  auto found = entries_.find(std::string_view(key_));
  if (found != entries_.end()) {
    Entry& entry = found->second;
    const bool same_minute = entry.sample.wall_ns / kMinuteNs == wall_ns / kMinuteNs;
    // What is relative to the value before it cannot be mixed with what is not.
    const bool mixed = entry.sample.relative && !value.relative;
    if (same_minute && !mixed) {
      return &entry;
    }
    Close(entry);
    entries_.erase(found);
  } else if (entries_.size() >= max_series_) {
    ++counts_.too_many_series;
    return nullptr;
  }
  Entry entry;
  entry.sample.name = name;
  entry.sample.tags = tags;
  entry.sample.kind = static_cast<uint8_t>(value.kind);
  entry.sample.wall_ns = wall_ns;
  entry.sample.relative = value.relative;
  return &entries_.emplace(key_, std::move(entry)).first->second;
}

void MetricBook::AddLocked(std::string_view name, std::string_view tags, const StatsdValue& value,
                           int64_t wall_ns) {
  Entry* entry = EntryOf(name, tags, value, wall_ns);
  if (entry == nullptr) {
    return;
  }
  ++counts_.values;
  entry->sample.wall_ns = wall_ns;
  if (value.kind == MetricKind::kSet) {
    if (members_ >= max_members_) {
      ++counts_.too_many_members;
    } else if (entry->members.emplace(value.text).second) {
      ++members_;
    }
    return;
  }
  MetricPoint& point = entry->sample.point;
  const double number = value.relative ? point.last + value.number : value.number;
  const double weight = value.kind == MetricKind::kGauge ? 1 : value.weight;
  const bool first = point.count == 0;
  point.count += weight;
  point.sum += number * weight;
  point.min = first ? number : std::min(point.min, number);
  point.max = first ? number : std::max(point.max, number);
  point.last = number;
  if (value.kind == MetricKind::kTiming) {
    entry->buckets[BucketOf(number)] += weight;
  }
}

std::vector<MetricSample> MetricBook::Take(int64_t wall_ns, bool all) {
  const std::lock_guard lock(mutex_);
  for (auto each = entries_.begin(); each != entries_.end();) {
    Entry& entry = each->second;
    const bool waits = entry.sample.kind == static_cast<uint8_t>(MetricKind::kSet) && !all &&
                       entry.sample.wall_ns / kMinuteNs == wall_ns / kMinuteNs;
    if (waits) {
      ++each;
    } else {
      Close(entry);
      each = entries_.erase(each);
    }
  }
  return std::exchange(finished_, {});
}

MetricBookCounts MetricBook::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace pinfo

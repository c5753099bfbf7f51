// Values of own metrics gathered in memory until they are stored: one entry a series and minute.
// May be used by several threads.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "collector/metric/statsd_line.h"
#include "collector/store/metric_store.h"

namespace pinfo {

struct MetricBookCounts {
  int64_t values = 0;
  int64_t too_many_series = 0;   // values refused because their series would be one too many
  int64_t too_many_members = 0;  // of sets
};

class MetricBook {
 public:
  // At most so many series between two calls of Take, and so many members over all sets.
  explicit MetricBook(size_t max_series, size_t max_members = 1'000'000)
      : max_series_(max_series), max_members_(max_members) {}

  // Adds all lines of a datagram, each ended by a line feed or its end; returns how many were not
  // of the protocol.
  size_t AddDatagram(std::string_view bytes, int64_t wall_ns);
  // One value; weight as StatsdValue has it.
  void Add(std::string_view name, std::string_view tags, const StatsdValue& value, int64_t wall_ns);
  // Values added up elsewhere.
  void AddSample(MetricSample sample);

  // What has been gathered; sets only once their minute is over, or with all.
  std::vector<MetricSample> Take(int64_t wall_ns, bool all);
  [[nodiscard]] MetricBookCounts counts() const;

 private:
  struct Entry {
    MetricSample sample;
    std::unordered_map<uint16_t, double> buckets;
    std::unordered_set<std::string> members;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  void AddLocked(std::string_view name, std::string_view tags, const StatsdValue& value,
                 int64_t wall_ns);
  Entry* EntryOf(std::string_view name, std::string_view tags, const StatsdValue& value,
                 int64_t wall_ns);
  void Close(Entry& entry);

  const size_t max_series_;
  const size_t max_members_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;  // by kind, name and tags
  std::vector<MetricSample> finished_;
  size_t members_ = 0;
  std::string key_;  // of the value under way
  StatsdLine line_;
  MetricBookCounts counts_;
};

}  // namespace pinfo

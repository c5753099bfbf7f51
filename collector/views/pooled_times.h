// The times of many requests added up, and what is known of each: what one pass over all requests
// keeps so that the profile of each route needs no other. Pure; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "collector/base/ids.h"
#include "collector/views/profile_builder.h"

namespace pinfo {

// What is known of where a request's time went decides how its samples count: times of which the
// same parts are known are added up together.
enum KnownParts : uint8_t { kNothingKnown = 0, kOnCpuKnown = 1, kBlockedKnown = 2 };
inline constexpr size_t kKnownPartsCount = 4;  // the numbers are bits

KnownParts KnownPartsOf(const LatencyParts& times);

class PooledTimes {
 public:
  struct Sum {
    LatencyParts times;
    int64_t requests = 0;
  };

  void Add(const LatencyParts& times);
  [[nodiscard]] const Sum& Of(size_t known_parts) const { return sums_.at(known_parts); }

 private:
  std::array<Sum, kKnownPartsCount> sums_;
};

// Which parts of their time are known, by request. Eight bytes each.
class PartsIndex {
 public:
  void Add(RequestId id, KnownParts known) {
    entries_.push_back(static_cast<uint64_t>(id.value) << 2 | known);
    sorted_ = sorted_ && (entries_.size() < 2 || entries_[entries_.size() - 2] < entries_.back());
  }
  // REQUIRES before Find: what was added has been sorted.
  void Sort();
  [[nodiscard]] std::optional<KnownParts> Find(RequestId id) const;

 private:
  std::vector<uint64_t> entries_;  // id << 2 | parts
  bool sorted_ = true;
};

}  // namespace pinfo

// Exact counts of every request, by site, route, method, status and minute. One thread; pure.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "collector/store/rows.h"

namespace pinfo {

class MinuteTable {
 public:
  // Partial requests are counted, their latency is not.
  void Add(const RequestRow& row);
  // What has been added since the last Clear, by key.
  [[nodiscard]] std::vector<MinuteRow> Rows() const;
  void Clear();

 private:
  using Key = std::tuple<int64_t, std::string, std::string, std::string, int32_t>;
  struct Counts {
    MinuteRow row;
    std::vector<int64_t> buckets;  // by number
    bool any = false;
  };
  Counts& CountsOf(const RequestRow& row, int64_t minute);

  std::map<Key, Counts> counts_;
  std::array<Counts*, 64> recent_{};  // by hash of the key: spares most of the searching
};

}  // namespace pinfo

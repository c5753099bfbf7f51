// Exact counts of every request, by site, route, method, status and minute. One thread; pure.
#pragma once

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
  // What has been added since the last call.
  std::vector<MinuteRow> Take();

 private:
  using Key = std::tuple<int64_t, std::string, std::string, std::string, int32_t>;
  struct Counts {
    MinuteRow row;
    std::map<uint16_t, int64_t> buckets;
  };
  std::map<Key, Counts> counts_;
};

}  // namespace pinfo

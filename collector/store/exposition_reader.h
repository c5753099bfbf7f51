// What /metrics shows that no other reader gives: requests by method and status within minutes. One
// snapshot, as with Reader.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/store/rows.h"

namespace pinfo {

struct RequestKey {
  std::string site;
  std::string route;
  std::string method;
  int32_t status = 0;
  friend auto operator<=>(const RequestKey&, const RequestKey&) = default;
};

struct RequestCounts {
  int64_t count = 0;
  int64_t failed = 0;
  int64_t latency_sum_ns = 0;
  std::map<uint16_t, int64_t> histogram;  // of latencies, collector/base/histogram.h
};

// A process that lives, with its newest figures.
struct ProcessFigures {
  uint32_t pid = 0;
  std::string comm;
  int64_t start_wall_ns = 0;
  StatusRow status;
};

class ExpositionReader {
 public:
  virtual ~ExpositionReader() = default;

  // Of the minutes [from, until).
  virtual Result<std::map<RequestKey, RequestCounts>> Requests(int64_t from_minute,
                                                               int64_t until_minute) = 0;
  // Looked at since then.
  virtual Result<std::vector<ProcessFigures>> Processes(int64_t since_wall_ns) = 0;
  // By kind, of sessions that began since then or have not ended.
  virtual Result<LossCounts> Losses(int64_t since_wall_ns) = 0;
};

// As OpenSqliteReader does.
Result<std::unique_ptr<ExpositionReader>> OpenExpositionReader(const std::string& path);

}  // namespace pinfo

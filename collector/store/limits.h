// How much a database keeps.
#pragma once

#include <cstdint>

namespace pinfo {

struct RetentionLimits {
  int64_t max_age_ns = int64_t{14} * 86'400 * 1'000'000'000;
  int64_t max_bytes = 1'000'000'000;  // of the file; not of the WAL beside it
  int64_t max_requests = 10'000'000;  // rows
  int64_t max_processes = 10'000;     // rows; those that have ended go
};

}  // namespace pinfo

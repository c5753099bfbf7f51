// What the readers of /proc share: figures out of its texts, records out of figures.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/wire.h"
#include "collector/base/ids.h"

namespace pinfo {

// A record in memory of its own: header, struct and payload, 8-byte aligned.
using RecordBytes = std::vector<uint64_t>;

int64_t MonotonicNs();

// The header of a record made now; its size is MakeRecord's to set.
pinfo_header HeaderOf(Pid pid, pinfo_record_type type);

template <typename T>
RecordBytes MakeRecord(T record, std::string_view payload) {
  const size_t size = sizeof(T) + payload.size();
  record.header.size = static_cast<pinfo_u32>(size);
  RecordBytes bytes((size + 7) / 8);
  std::memcpy(bytes.data(), &record, sizeof(T));
  std::memcpy(reinterpret_cast<char*>(bytes.data()) + sizeof(T), payload.data(), payload.size());
  return bytes;
}

// The number after "name:" at the beginning of a line, as in /proc/PID/status, /proc/PID/io and
// /proc/meminfo; 0 where there is none.
uint64_t NamedNumber(const std::string& text, const std::string& name);

uint64_t TicksToNs(uint64_t ticks);  // of sysconf(_SC_CLK_TCK)

}  // namespace pinfo

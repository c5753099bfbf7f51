// The kernel's own account of new executable mappings, at the time they are made: libraries that
// are loaded, code that is compiled, memory that becomes executable (PERF_RECORD_MMAP2,
// perf_event_open(2)). Of every process of the machine; the caller chooses whom it follows.
//
// One thread. Needs CAP_PERFMON (or root) and 256 KB of memory a CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "bpf/wire.h"
#include "collector/base/result.h"
#include "collector/base/unique_fd.h"

namespace pinfo {

// What one MMAP2 record says, its path as in /proc/PID/maps ("" for anonymous memory).
struct MappingEvent {
  pinfo_mapping mapping{};  // header.pid, header.tid and header.time_ns are set
  std::string_view path;    // valid during the visit
};

// A perf ring's records, from a copy of its bytes. Returns false where one is damaged or says that
// others were lost. Bytes behind the last whole record are not looked at.
bool VisitMappingEvents(std::span<const std::byte> bytes,
                        const std::function<void(const MappingEvent&)>& visit);

class MappingEvents {
 public:
  static Result<std::unique_ptr<MappingEvents>> Open();
  ~MappingEvents();
  MappingEvents(const MappingEvents&) = delete;
  MappingEvents& operator=(const MappingEvents&) = delete;

  // The events since the last call, those of each CPU in order. Returns false where some were lost.
  bool Drain(const std::function<void(const MappingEvent&)>& visit);

 private:
  struct Ring {
    UniqueFd fd;
    void* memory = nullptr;
  };
  MappingEvents() = default;
  bool DrainRing(const Ring& ring, const std::function<void(const MappingEvent&)>& visit);

  std::vector<Ring> rings_;
  std::vector<std::byte> copy_;
};

}  // namespace pinfo

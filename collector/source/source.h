// Where records come from: the kernel's ring (bpf_source), rings of preloaded processes
// (ring_source), a recording (recording_source). A Source belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "collector/base/result.h"

namespace pinfo {

class RecordSink {
 public:
  virtual ~RecordSink() = default;
  // One raw record, not yet validated (DecodeRecord does that). bytes is 8-byte aligned, begins
  // with a pinfo_header and is valid only during the call.
  virtual void OnRecord(std::span<const std::byte> bytes) = 0;
};

// On which machine, and in which of its boots, records were made; and what turns their monotonic
// times into wall-clock ones.
struct Origin {
  std::string host;     // machine id; the node name where there is none
  std::string boot_id;  // /proc/sys/kernel/random/boot_id
  int64_t wall_minus_monotonic_ns = 0;
  int64_t boot_minus_monotonic_ns = 0;  // time suspended: start_ticks count from boot
  // For people; empty for recordings.
  std::string uname = {};
  std::string fqdn = {};       // the node name where /etc/hosts has no longer one; no DNS is asked
  std::string addresses = {};  // of the interfaces but loopback and link-local, joined by spaces
};
Origin LiveOrigin();  // of this machine now
int64_t LiveWallMinusMonotonicNs();

class Source {
 public:
  virtual ~Source() = default;

  // This machine, but for recordings.
  [[nodiscard]] virtual Origin origin() const { return LiveOrigin(); }

  // "ebpf-socket", "ebpf-syscall", "preload" or "replay".
  [[nodiscard]] virtual std::string mode() const = 0;

  // Hands everything available now to sink and returns the number of records. Never blocks.
  // Also emits the source's own records: PINFO_RECORD_LOSS where its counters have grown.
  virtual Result<size_t> Drain(RecordSink& sink) = 0;

  // No record will ever come again: the targets have ended, the recording is read.
  [[nodiscard]] virtual bool Ended() const = 0;

  // Stops producing. What was produced before is still drained by the next calls of Drain.
  virtual void Stop() = 0;
};

}  // namespace pinfo

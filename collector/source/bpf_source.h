// The kernel as a source: loads the skeleton, follows processes, drains the ring buffers.
//
// One thread after Open. Needs CAP_BPF and CAP_PERFMON (or root) and the kernel's BTF. What the
// kernel refuses is switched off and named in notes(); only when requests cannot be timed at all
// does Open fail.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bpf/wire.h"
#include "collector/base/ids.h"
#include "collector/base/result.h"
#include "collector/source/later_processes.h"
#include "collector/source/probe_choice.h"
#include "collector/source/source.h"

namespace pinfo {

struct BpfOptions {
  ProbeStrategy probes = ProbeStrategy::kAuto;
  bool follow_children = true;
  int hz = 99;                   // stack samples a second and CPU; 0: none
  size_t ring_bytes = 16 << 20;  // a power of two
  size_t sample_ring_bytes = 4 << 20;
  uint32_t stack_bytes = PINFO_STACK_MAX;  // of user stack copied at most
  bool tls = true;                         // probe TLS libraries
  bool kernel_stacks = false;              // samples carry the kernel's part of the stack, too
  // Stacks of waits that last at least this long; 0: none.
  int64_t off_cpu_min_ns = 100'000;
  LaterSelection later;  // where not empty, the source does not end with its processes
  // Asked before a process of `later` is described: a failure means it is not to be followed, and
  // its message goes into the notes. May be empty.
  std::function<Status(Pid)> may_follow;
};

class BpfSource : public Source {
 public:
  // Loads and attaches everything. Follows no process yet.
  static Result<std::unique_ptr<BpfSource>> Open(const BpfOptions& options);

  // Follows the process and, where options say so, its descendants; learns the ports they listen
  // on. Fails where there is no such process or it is a kernel thread. A process that is followed
  // already is no error.
  virtual Status Follow(Pid pid) = 0;
  // Follows what matches `later` already, as is done for the rest while records are drained.
  virtual void FollowMatching() = 0;
  // Connections on this local port are a followed process's even where no listener was found.
  virtual Status AddListenPort(uint16_t port) = 0;

  // What this kernel refused, which interpreters cannot be read, which TLS libraries cannot be
  // probed, one sentence each; empty where everything works. Grows while processes are followed.
  [[nodiscard]] virtual std::vector<std::string> notes() const = 0;
  [[nodiscard]] virtual size_t followed_count() const = 0;
  // Requests over TLS can be seen in plaintext.
  [[nodiscard]] virtual bool sees_tls() const = 0;
};

// Why BPF cannot work here at all, or an empty string. For `pinfo doctor` and error messages.
std::string BpfObstacle();

}  // namespace pinfo

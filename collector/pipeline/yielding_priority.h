// The server comes first also on a saturated machine: the processing thread runs only when a CPU is
// idle, as long as what waits for it fits into memory, and normally once it no longer does.
#pragma once

namespace pinfo {

// For the calling thread. Where the scheduling policy may not be changed back (it takes
// CAP_SYS_NICE or a RLIMIT_NICE of 20), it stays as it is. Restores it when destroyed.
class YieldingPriority {
 public:
  explicit YieldingPriority(bool enabled);
  ~YieldingPriority();
  YieldingPriority(const YieldingPriority&) = delete;
  YieldingPriority& operator=(const YieldingPriority&) = delete;

  // waiting: how full the queue to this thread is, 0 to 1. ending: no more will come, be done soon.
  void Update(double waiting, bool ending);

 private:
  void Yield();
  void Work();

  bool enabled_;
  bool yielding_ = false;
};

}  // namespace pinfo

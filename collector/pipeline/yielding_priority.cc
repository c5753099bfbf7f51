#include "collector/pipeline/yielding_priority.h"

#include <linux/capability.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pinfo {
namespace {

// Apart, so that the policy does not change with every chunk.
constexpr double kWorkAbove = 0.5;
constexpr double kYieldBelow = 0.125;

bool SetPolicy(int policy) {
  const sched_param none{};
  return sched_setscheduler(0, policy, &none) == 0;
}

// Whether the thread may leave SCHED_IDLE again (can_nice in kernel/sched/syscalls.c): it must be
// known before entering.
bool MayReturn() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) == 0 &&
      (data[CAP_TO_INDEX(CAP_SYS_NICE)].effective & CAP_TO_MASK(CAP_SYS_NICE)) != 0) {
    return true;
  }
  rlimit limit{};
  return getrlimit(RLIMIT_NICE, &limit) == 0 &&
         limit.rlim_cur >= static_cast<rlim_t>(20 - getpriority(PRIO_PROCESS, 0));
}

}  // namespace

YieldingPriority::YieldingPriority(bool enabled)
    : enabled_(enabled && sched_getscheduler(0) == SCHED_OTHER && MayReturn()) {
  Yield();
}

YieldingPriority::~YieldingPriority() { Work(); }

void YieldingPriority::Update(double waiting, bool ending) {
  if (ending || waiting > kWorkAbove) {
    Work();
  } else if (waiting < kYieldBelow) {
    Yield();
  }
}

void YieldingPriority::Yield() {
  if (enabled_ && !yielding_) {
    yielding_ = SetPolicy(SCHED_IDLE);
  }
}

void YieldingPriority::Work() {
  if (yielding_) {
    yielding_ = !SetPolicy(SCHED_OTHER);
  }
}

}  // namespace pinfo

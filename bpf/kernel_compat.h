/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Differences between kernels, one shim each, with the commit that made the difference. */
#ifndef PINFO_BPF_KERNEL_COMPAT_H
#define PINFO_BPF_KERNEL_COMPAT_H

#include "state.h"

/* task_struct.state became __state in 2f064a59a11f ("sched: Change task_struct::state", 5.14). */
struct task_struct___before_5_14 {
  volatile long state;
} __attribute__((preserve_access_index));

/* The state in which a task leaves the CPU; 0 is runnable. Read from the task because the
 * tracepoint's own argument for it came only with fa2c3254d7cf (5.18). */
static __always_inline long task_state(struct task_struct *task) {
  if (bpf_core_field_exists(task->__state))
    return task->__state; /* the tracepoint's own argument: no helper is needed to read it */
  return BPF_CORE_READ((struct task_struct___before_5_14 *)task, state);
}

#endif /* PINFO_BPF_KERNEL_COMPAT_H */

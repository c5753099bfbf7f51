/* SPDX-License-Identifier: MIT */
/*
 * Records about the process itself: who it is, what code it has mapped, its tasks.
 *
 * Mappings are read from /proc/self/maps when recording begins and again after dlopen or dlclose:
 * not within those calls (their effect comes after the hook), but as the next turns begin, for a
 * second. Code mapped by an unusually long dlopen is thus seen with the next one.
 */
#ifndef PINFO_PRELOAD_DESCRIBE_H
#define PINFO_PRELOAD_DESCRIBE_H

#include "bpf/wire.h"

void pinfo_describe_process(void);
void pinfo_describe_mappings(void);
void pinfo_describe_task(pinfo_u32 tid, pinfo_u32 parent_pid, pinfo_u32 parent_tid);
void pinfo_describe_task_end(pinfo_u32 tid);
void pinfo_describe_exec(void);
void pinfo_describe_exit(pinfo_u32 status);

/* Another thread may have been describing as this one forked. */
void pinfo_describe_after_fork(void);

/* Code is about to be, or has been, mapped or unmapped. Async-signal-safe. */
void pinfo_describe_mappings_change(void);
/* Describes the mappings again where they may have changed. Async-signal-safe. */
extern pinfo_u64 pinfo_mappings_changed_ns; /* 0: they have not */
void pinfo_describe_mappings_again(pinfo_u64 now);
static inline void pinfo_describe_refresh(pinfo_u64 now) {
  if (__builtin_expect(__atomic_load_n(&pinfo_mappings_changed_ns, __ATOMIC_RELAXED) != 0, 0))
    pinfo_describe_mappings_again(now);
}

#endif /* PINFO_PRELOAD_DESCRIBE_H */

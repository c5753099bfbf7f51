/* SPDX-License-Identifier: MIT */
/*
 * Who this process is, and whether it is recorded.
 *
 * A process is recorded from the moment it serves: when it listens, accepts, or is first seen to
 * use a server-side connection, and from birth when its parent listens (a worker: it may lose the
 * right to create its ring a moment later by setuid or chroot). Until then the shim only forwards,
 * so a shell script or a compiler run under LD_PRELOAD costs no ring.
 *
 * Fork: the child is recognised by a page that the kernel clears in every copied address space
 * (MADV_WIPEONFORK), so fork, clone and daemon are all seen and vfork and posix_spawn, which share
 * the memory, are not. Exec: the new image finds the ring of its own pid and start time, and goes
 * on in it. The directory's descriptor is kept for children that cannot reach the path any more.
 *
 * Environment: PINFO_RING_DIR, PINFO_RING_BYTES, PINFO_HZ (0: no samples), PINFO_STACK_BYTES,
 * PINFO_OFF_CPU_MIN_NS (0: no stacks of waits).
 */
#ifndef PINFO_PRELOAD_PROCESS_H
#define PINFO_PRELOAD_PROCESS_H

#include <time.h>

#include "bpf/wire.h"
#include "preload/arch_x86_64.h"

enum pinfo_recording {
  PINFO_NOT_SERVING = 0,
  PINFO_STARTING = 1, /* one thread is setting it up */
  PINFO_RECORDING = 2,
  PINFO_REFUSED = 3, /* no ring could be had: forward only, for good */
};

struct pinfo_process_state {
  int recording; /* enum pinfo_recording; atomic */
  int ready;     /* the constructor has run, and the shim has not stood aside */
  int filtered;  /* a system call filter (seccomp) is in force */
  int listens;   /* this process or an ancestor holds a listening socket */
  pinfo_u32 pid;
  pinfo_u32 parent_pid; /* of a forked child, else 0 */
  pinfo_u32 parent_tid;
  pinfo_u64 start_ticks;
  pinfo_u64 next_connection;
  pinfo_u32 hz;
  pinfo_u32 stack_bytes;
  pinfo_u32 off_cpu_min_ns; /* a shorter wait is not worth a stack; 0: none is */
  const volatile pinfo_u32* same_process; /* 0 in a forked child that has not noticed yet */
  unsigned char* main_stack_top;
  unsigned char* main_stack_low;
};
extern struct pinfo_process_state pinfo_process;

void pinfo_process_forked(void);
void pinfo_process_start_recording(void);
/* The process is about to lock itself in (seccomp): from here on, and in forked children, the shim
 * forwards and makes no system call of its own. What it has recorded so far stays. */
void pinfo_process_stand_aside(void);

/* True where records are wanted. Notices a fork. Safe in signal handlers, keeps errno. */
static inline int pinfo_recording(void) {
  if (__builtin_expect(*pinfo_process.same_process == 0, 0)) pinfo_process_forked();
  return __atomic_load_n(&pinfo_process.recording, __ATOMIC_ACQUIRE) == PINFO_RECORDING;
}

/* This process serves: begins recording if it has not. Returns whether records are wanted. */
static inline int pinfo_serves(void) {
  if (pinfo_recording()) return 1;
  if (pinfo_process.ready &&
      __atomic_load_n(&pinfo_process.recording, __ATOMIC_ACQUIRE) == PINFO_NOT_SERVING)
    pinfo_process_start_recording();
  return __atomic_load_n(&pinfo_process.recording, __ATOMIC_ACQUIRE) == PINFO_RECORDING;
}

/* True in a vfork or posix_spawn child: its memory is its parent's and must be left alone. */
static inline int pinfo_is_vfork_child(void) {
  return pinfo_process.ready && *pinfo_process.same_process != 0 &&
         (pinfo_u32)pinfo_raw(SYS_getpid) != pinfo_process.pid;
}

/* The process ends in an orderly way with this status, as wait(2) gives it. Idempotent. */
void pinfo_process_ended(pinfo_u32 status);

static inline pinfo_u64 pinfo_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now); /* vdso: async-signal-safe, cannot fail */
  return (pinfo_u64)now.tv_sec * 1000000000u + (pinfo_u64)now.tv_nsec;
}

#endif /* PINFO_PRELOAD_PROCESS_H */

/* SPDX-License-Identifier: MIT */
/*
 * What the shim knows of each thread: its id, stack, times, the turn it works on, and the response
 * record it has not handed on yet. Taken from a pool that is mapped, never freed and reused, so a
 * signal handler or another thread that looks at one late reads valid memory.
 *
 * Times. Reading a thread's CPU clock costs about 440 ns. It is read only where the last reading is
 * older than 100 us or the thread has since been in a wait that the shim saw, but for one between
 * two turns that begin within 30 us, as in a busy event loop; otherwise the time since the last
 * reading counts as on-CPU. The error is below 100 us a turn. Time waiting for a CPU
 * (/proc/thread-self/schedstat, field 2) is read for turns above 1 ms on threads whose turn before
 * was above 1 ms too; elsewhere it is not known and counts as blocked, as wire.h allows.
 */
#ifndef PINFO_PRELOAD_THREAD_H
#define PINFO_PRELOAD_THREAD_H

#include <limits.h>
#include <sys/types.h>

#include "bpf/turn.h"
#include "preload/process.h"

/* Who may touch a thread's pending response: changed by compare-and-swap only. */
enum pinfo_pending_state {
  PINFO_PENDING_NONE = 0,
  PINFO_PENDING_READY = 1, /* whoever swaps it to HELD may emit it */
  PINFO_PENDING_HELD = 2,
};

enum pinfo_waited {
  PINFO_WAITED_NOT = 0,
  PINFO_WAITED_BETWEEN = 1, /* for events, while the thread handled no turn */
  PINFO_WAITED_WITHIN = 2,  /* within a turn, or not known */
};

struct pinfo_thread {
  int in_use; /* atomic */
  pinfo_u32 tid;
  unsigned char* stack_top; /* NULL: not known */
  unsigned char* stack_low; /* the thread's own stack is mapped at least from here to the top */

  pinfo_u64 clock_read_ns; /* wall time of the last reading of the CPU clock */
  pinfo_u64 clock_ns;      /* what it gave */
  pinfo_u64 on_cpu_ns;     /* last value handed out: never goes back */
  pinfo_u64 runqueue_ns;   /* known time waiting for a CPU */
  pinfo_u64 runqueue_raw;  /* last reading of schedstat */
  int runqueue_fresh;      /* read at the start of the turn under way */
  int has_waited;          /* enum pinfo_waited, since the last reading of the CPU clock */
  pinfo_u64 answered_ns;   /* it sent last */
  int slow_turns;          /* the last turn took above 1 ms */
  int schedstat_fd;        /* -1: none */
  dev_t schedstat_device;  /* whose it is: the application may put another file at the number */
  ino_t schedstat_inode;

  pinfo_u64 connection; /* of the turn under way on this thread; 0: none */
  pinfo_u32 turn;
  int answered;          /* a response to it has begun */
  int open_turns;        /* begun by this thread, not answered yet; atomic */
  pinfo_u32 event_waits; /* how often it has waited for events */
  /* The turn whose time this thread's is: that one, or the one answered last. */
  pinfo_u64 segment_connection;
  pinfo_u64 segment_ns;                   /* since when */
  struct pinfo_thread_time segment_spent; /* its time then */

  const void* tls_object; /* the SSL object that a call is under way on; NULL: none */
  char* tls_frame;        /* where on the stack the call is */
  int tls_fd;             /* socket with TLS records that was read within it; -1: none */

  int timer;          /* kernel timer id; -1: none */
  int no_signal_room; /* its alternate signal stack is too small to be sampled on */
  int in_handler;
  pinfo_u32 interrupted_waits; /* system calls that our signal ended with EINTR */

  pinfo_u64 python_state; /* address of its PyThreadState, as last seen; believed in nothing */
  int python_walks;       /* under way: at most one, and one in a signal handler above it */
  void* python_scratch;   /* python.c's; stays with the slot */
  struct pinfo_exact_profile* exact; /* of --exact, once it has a turn; stays with the slot */

  int pending_state;
  struct pinfo_response pending;
  unsigned char
      pending_capture[PINFO_RESPONSE_HEAD_MAX + PINFO_SEND_FRONT_MAX + PINFO_SEND_BACK_MAX];

  /* Calls to other servers gathered into one record (outgoing.c). */
  int calls_held;     /* somebody on this thread is at it */
  pinfo_u64 calls_on; /* pinfo_connection.call_id whose calls they are; 0: none */
  struct pinfo_call calls;
  unsigned char calls_path[PINFO_UNIX_PATH_MAX];
};

extern __thread struct pinfo_thread* pinfo_thread_current
    __attribute__((tls_model("initial-exec")));

/* NULL for both: not known. */
struct pinfo_thread* pinfo_thread_register(unsigned char* stack_top, unsigned char* stack_low);

/* This thread, registered at first use; NULL where that is not possible now. */
static inline struct pinfo_thread* pinfo_thread_self(void) {
  struct pinfo_thread* thread = pinfo_thread_current;
  return __builtin_expect(thread != NULL, 1) ? thread : pinfo_thread_register(NULL, NULL);
}

void pinfo_thread_init(void);       /* by the constructor, on the main thread */
void pinfo_thread_after_fork(void); /* only the forking thread lives on */
void pinfo_thread_for_each(void (*visit)(struct pinfo_thread*));

/* Forward only from now on: no turn, no descriptor of ours is left. */
void pinfo_thread_stand_aside(void);

/* The application closes or replaces these numbers: none of them is ours any more. */
extern int pinfo_thread_lowest_fd;
void pinfo_thread_forget_fds(unsigned first, unsigned last);
static inline void pinfo_thread_fd_taken(int fd) {
  if (__builtin_expect(fd >= __atomic_load_n(&pinfo_thread_lowest_fd, __ATOMIC_RELAXED), 0))
    pinfo_thread_forget_fds((unsigned)fd, (unsigned)fd);
}

/* The thread's time up to now. REQUIRES: thread is the caller. */
void pinfo_thread_spent(struct pinfo_thread* thread, pinfo_u64 now,
                        struct pinfo_thread_time* spent);
void pinfo_thread_turn_began(struct pinfo_thread* thread);
/* A turn of the caller's has lasted latency_ns so far: brings runqueue_ns up to date if it can. */
void pinfo_thread_turn_lasted(struct pinfo_thread* thread, pinfo_u64 latency_ns);

#endif /* PINFO_PRELOAD_THREAD_H */

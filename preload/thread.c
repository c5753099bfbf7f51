/* SPDX-License-Identifier: MIT */
#include "preload/thread.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "preload/capture.h"
#include "preload/describe.h"
#include "preload/exact.h"
#include "preload/outgoing.h"
#include "preload/real.h"
#include "preload/sampler.h"
#include "preload/writer.h"

#define PINFO_THREADS_A_CHUNK 64
#define PINFO_THREAD_CHUNKS 1024
#define PINFO_CLOCK_AGE_NS 100000u
#define PINFO_SHORT_REST_NS 30000u
#define PINFO_SLOW_TURN_NS 1000000u
/* Descriptors that the shim keeps for schedstat in one process at most. */
#define PINFO_SCHEDSTAT_FDS 64

__thread struct pinfo_thread* pinfo_thread_current __attribute__((tls_model("initial-exec")));
static __thread int registering __attribute__((tls_model("initial-exec")));
/* The exit destructor has run: other keys' destructors must not register the thread anew. */
static __thread int exited __attribute__((tls_model("initial-exec")));

static struct pinfo_thread* chunks[PINFO_THREAD_CHUNKS];
static int schedstat_fds;
int pinfo_thread_lowest_fd = INT_MAX; /* of the schedstat descriptors that have ever been kept */
static pthread_key_t exit_key;
static int exit_key_valid;

static struct pinfo_thread* chunk_at(int index) {
  struct pinfo_thread* chunk = __atomic_load_n(&chunks[index], __ATOMIC_ACQUIRE);
  if (chunk != NULL) return chunk;
  const long bytes = PINFO_THREADS_A_CHUNK * sizeof(struct pinfo_thread);
  const long mapped =
      pinfo_raw(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped < 0 && mapped > -4096) return NULL;
  struct pinfo_thread* expected = NULL;
  if (__atomic_compare_exchange_n(&chunks[index], &expected, (struct pinfo_thread*)mapped, 0,
                                  __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    return (struct pinfo_thread*)mapped;
  pinfo_raw(SYS_munmap, mapped, bytes);
  return expected;
}

static struct pinfo_thread* claim(void) {
  for (int i = 0; i < PINFO_THREAD_CHUNKS; ++i) {
    struct pinfo_thread* chunk = chunk_at(i);
    if (chunk == NULL) return NULL;
    for (int j = 0; j < PINFO_THREADS_A_CHUNK; ++j) {
      int expected = 0;
      if (__atomic_load_n(&chunk[j].in_use, __ATOMIC_RELAXED) == 0 &&
          __atomic_compare_exchange_n(&chunk[j].in_use, &expected, 1, 0, __ATOMIC_ACQUIRE,
                                      __ATOMIC_RELAXED))
        return &chunk[j];
    }
  }
  return NULL;
}

struct pinfo_thread* pinfo_thread_register(unsigned char* stack_top, unsigned char* stack_low) {
  if (registering || exited || !pinfo_process.ready) return NULL;
  registering = 1;
  struct pinfo_thread* thread = claim();
  if (thread != NULL) {
    void* scratch = thread->python_scratch;
    struct pinfo_exact_profile* exact = thread->exact;
    memset((char*)thread + sizeof(thread->in_use), 0, sizeof(*thread) - sizeof(thread->in_use));
    thread->python_scratch = scratch;
    thread->exact = exact;
    thread->tid = (pinfo_u32)pinfo_raw(SYS_gettid);
    thread->stack_top = stack_top;
    thread->stack_low = stack_low;
    thread->schedstat_fd = -1;
    thread->timer = -1;
    thread->slow_turns = 1; /* the first turn too is worth the reading */
    thread->has_waited = PINFO_WAITED_WITHIN;
    if (exit_key_valid) pthread_setspecific(exit_key, thread);
    __atomic_store_n(&pinfo_thread_current, thread, __ATOMIC_RELEASE);
    if (pinfo_recording()) pinfo_sampler_start_thread(thread);
  }
  registering = 0;
  return thread;
}

static void drop_schedstat(struct pinfo_thread* thread) {
  struct stat now;
  const int fd = __atomic_exchange_n(&thread->schedstat_fd, -1, __ATOMIC_ACQ_REL);
  if (fd < 0) return;
  __atomic_fetch_sub(&schedstat_fds, 1, __ATOMIC_RELAXED);
  if (pinfo_raw(SYS_fstat, fd, &now) == 0 && now.st_dev == thread->schedstat_device &&
      now.st_ino == thread->schedstat_inode)
    pinfo_raw(SYS_close, fd);
}

void pinfo_thread_forget_fds(unsigned first, unsigned last) {
  for (int i = 0; i < PINFO_THREAD_CHUNKS; ++i) {
    struct pinfo_thread* chunk = __atomic_load_n(&chunks[i], __ATOMIC_ACQUIRE);
    if (chunk == NULL) return;
    for (int j = 0; j < PINFO_THREADS_A_CHUNK; ++j) {
      int fd = __atomic_load_n(&chunk[j].schedstat_fd, __ATOMIC_RELAXED);
      if (!__atomic_load_n(&chunk[j].in_use, __ATOMIC_ACQUIRE) || fd < 0 || (unsigned)fd < first ||
          (unsigned)fd > last)
        continue;
      if (__atomic_compare_exchange_n(&chunk[j].schedstat_fd, &fd, -1, 0, __ATOMIC_ACQ_REL,
                                      __ATOMIC_RELAXED))
        __atomic_fetch_sub(&schedstat_fds, 1, __ATOMIC_RELAXED);
    }
  }
}

/* A pthread key's destructor: runs on return, pthread_exit and cancellation alike. */
static void thread_exits(void* value) {
  struct pinfo_thread* thread = value;
  exited = 1;
  pinfo_exact_turned_away(thread);
  pinfo_calls_flush(thread);
  pinfo_emit_pending(thread);
  pinfo_sampler_stop_thread(thread);
  if (pinfo_recording() && thread->tid != pinfo_process.pid) pinfo_describe_task_end(thread->tid);
  drop_schedstat(thread);
  __atomic_store_n(&pinfo_thread_current, NULL, __ATOMIC_RELEASE);
  __atomic_store_n(&thread->in_use, 0, __ATOMIC_RELEASE);
}

void pinfo_thread_init(void) {
  exit_key_valid = pthread_key_create(&exit_key, thread_exits) == 0;
  pinfo_thread_register(pinfo_process.main_stack_top, pinfo_process.main_stack_low);
}

void pinfo_thread_for_each(void (*visit)(struct pinfo_thread*)) {
  for (int i = 0; i < PINFO_THREAD_CHUNKS; ++i) {
    struct pinfo_thread* chunk = __atomic_load_n(&chunks[i], __ATOMIC_ACQUIRE);
    if (chunk == NULL) return;
    for (int j = 0; j < PINFO_THREADS_A_CHUNK; ++j)
      if (__atomic_load_n(&chunk[j].in_use, __ATOMIC_ACQUIRE)) visit(&chunk[j]);
  }
}

static void leave_turn(struct pinfo_thread* thread) {
  thread->connection = thread->segment_connection = 0;
  drop_schedstat(thread);
}

void pinfo_thread_stand_aside(void) { pinfo_thread_for_each(leave_turn); }

static void keep_only_current(struct pinfo_thread* thread) {
  drop_schedstat(thread); /* each is the parent's thread's */
  if (thread != pinfo_thread_current) __atomic_store_n(&thread->in_use, 0, __ATOMIC_RELEASE);
}

void pinfo_thread_after_fork(void) {
  pinfo_thread_for_each(keep_only_current);
  schedstat_fds = 0;
  struct pinfo_thread* self = pinfo_thread_current;
  if (self == NULL) return;
  self->tid = (pinfo_u32)pinfo_raw(SYS_gettid);
  self->timer = -1; /* timers are not inherited */
  self->pending_state = PINFO_PENDING_NONE;
  self->connection = self->segment_connection = 0;
  self->calls_on = 0; /* the parent hands them on */
  self->calls_held = 0;
  self->open_turns = 0;
  self->has_waited = PINFO_WAITED_WITHIN;
  self->clock_ns = self->on_cpu_ns = 0;
  self->runqueue_fresh = 0;
  pinfo_exact_after_fork(self);
}

void pinfo_thread_spent(struct pinfo_thread* thread, pinfo_u64 now,
                        struct pinfo_thread_time* spent) {
  pinfo_u64 cpu = thread->clock_ns + (now - thread->clock_read_ns);
  const int rested =
      thread->has_waited == PINFO_WAITED_BETWEEN && now - thread->answered_ns > PINFO_SHORT_REST_NS;
  if (rested || thread->has_waited == PINFO_WAITED_WITHIN ||
      now - thread->clock_read_ns > PINFO_CLOCK_AGE_NS) {
    struct timespec reading;
    pinfo_raw(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &reading);
    cpu = (pinfo_u64)reading.tv_sec * 1000000000u + (pinfo_u64)reading.tv_nsec;
    thread->clock_ns = cpu;
    thread->clock_read_ns = now;
    thread->has_waited = PINFO_WAITED_NOT;
  }
  if (cpu > thread->on_cpu_ns) thread->on_cpu_ns = cpu;
  spent->on_cpu_ns = thread->on_cpu_ns;
  spent->runqueue_ns = thread->runqueue_ns;
  spent->blocked_ns = now - thread->on_cpu_ns - thread->runqueue_ns;
}

static int open_runqueue(struct pinfo_thread* thread) {
  struct stat status;
  if (__atomic_fetch_add(&schedstat_fds, 1, __ATOMIC_RELAXED) < PINFO_SCHEDSTAT_FDS) {
    int fd =
        (int)pinfo_raw(SYS_openat, AT_FDCWD, "/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) fd = pinfo_move_fd(fd);
    if (fd >= 0 && pinfo_raw(SYS_fstat, fd, &status) == 0) {
      thread->schedstat_device = status.st_dev;
      thread->schedstat_inode = status.st_ino;
      int lowest = __atomic_load_n(&pinfo_thread_lowest_fd, __ATOMIC_RELAXED);
      while (fd < lowest && !__atomic_compare_exchange_n(&pinfo_thread_lowest_fd, &lowest, fd, 0,
                                                         __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
      __atomic_store_n(&thread->schedstat_fd, fd, __ATOMIC_RELEASE);
      return 1;
    }
    thread->schedstat_fd = -2; /* refused, not tried again */
  }
  __atomic_fetch_sub(&schedstat_fds, 1, __ATOMIC_RELAXED);
  return 0;
}

/* schedstat: "on-CPU ns, run queue ns, timeslices" (Documentation/scheduler/sched-stats.rst). */
static int read_runqueue(struct pinfo_thread* thread, pinfo_u64* value) {
  if (thread->schedstat_fd == -1 && !open_runqueue(thread)) return 0;
  char text[64];
  const long n = pinfo_raw(SYS_pread64, thread->schedstat_fd, text, sizeof(text) - 1, 0);
  if (n <= 0) return 0;
  text[n] = 0;
  const char* at = strchr(text, ' ');
  if (at == NULL || at[1] < '0' || at[1] > '9') return 0;
  pinfo_u64 number = 0;
  for (++at; *at >= '0' && *at <= '9'; ++at) number = number * 10 + (pinfo_u64)(*at - '0');
  *value = number;
  return 1;
}

void pinfo_thread_turn_began(struct pinfo_thread* thread) {
  thread->runqueue_fresh = thread->slow_turns && read_runqueue(thread, &thread->runqueue_raw);
}

void pinfo_thread_turn_lasted(struct pinfo_thread* thread, pinfo_u64 latency_ns) {
  thread->slow_turns = latency_ns > PINFO_SLOW_TURN_NS;
  pinfo_u64 raw;
  if (!thread->slow_turns || !thread->runqueue_fresh || !read_runqueue(thread, &raw)) return;
  thread->runqueue_ns += raw - thread->runqueue_raw;
  thread->runqueue_raw = raw;
}

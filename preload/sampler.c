/* SPDX-License-Identifier: MIT */
#include "preload/sampler.h"

#include <string.h>
#include <sys/uio.h>

#include "preload/capture.h"
#include "preload/describe.h"
#include "preload/python.h"
#include "preload/real.h"
#include "preload/writer.h"

/* What a thread's timer may be besides a kernel id or -1 (none). */
enum { PINFO_TIMER_STARTING = -2, PINFO_TIMER_OVER = -3 };

static int sampler_signal;
static sigset_t avoided;        /* signals that the application has asked for */
static struct sigaction shadow; /* the application's: SIG_DFL, with flags that mean nothing */
static int timer_mark;          /* its address marks our timers' signals */

/* CLOCK_THREAD_CPUTIME_ID of another thread: linux/posix-timers_types.h, CPUCLOCK_SCHED on a
 * thread id. */
static clockid_t thread_cpu_clock(pinfo_u32 tid) { return (clockid_t)((~tid << 3) | 4u | 2u); }

/* Copied of a stack whose end is not known: most of it may be nobody's. */
#define PINFO_UNKNOWN_STACK_MAX 32768

struct stack_extent {
  pinfo_u64 bytes;
  int known; /* the bytes are mapped for certain */
  int truncated;
};

static struct stack_extent extent_of(const struct pinfo_thread* thread, pinfo_u64 sp) {
  const pinfo_u64 top = (pinfo_u64)thread->stack_top;
  /* A stack pointer elsewhere is a coroutine's or a signal stack's, whose end is not known. */
  struct stack_extent extent = {pinfo_process.stack_bytes, 0, 1};
  if (top == 0 || sp >= top || sp < (pinfo_u64)thread->stack_low) {
    if (extent.bytes > PINFO_UNKNOWN_STACK_MAX) extent.bytes = PINFO_UNKNOWN_STACK_MAX;
    return extent;
  }
  extent.known = 1;
  extent.truncated = top - sp > extent.bytes;
  if (!extent.truncated) extent.bytes = top - sp;
  return extent;
}

/* Copies a stack whose end is not known; the kernel stops at the first page that is not there. */
static pinfo_u64 copy_unknown(void* to, pinfo_u64 sp, pinfo_u64 bytes) {
  const pinfo_u64 page = 4096;
  if (pinfo_process.filtered) return 0; /* a filter may end the process for this call */
  struct iovec local = {to, bytes};
  struct iovec remote[PINFO_UNKNOWN_STACK_MAX / 4096 + 2];
  int count = 0;
  for (pinfo_u64 at = sp; at < sp + bytes; ++count) {
    pinfo_u64 end = (at & ~(page - 1)) + page;
    if (end > sp + bytes) end = sp + bytes;
    remote[count] = (struct iovec){(void*)at, end - at};
    at = end;
  }
  const long copied =
      pinfo_raw(SYS_process_vm_readv, pinfo_process.pid, &local, 1, remote, count, 0);
  return copied > 0 ? (pinfo_u64)copied : 0;
}

static void emit_with_python(struct pinfo_thread* thread, const struct pinfo_sample* sample,
                             const struct pinfo_python_walk* python) {
  const pinfo_u64 sp = sample->registers[PINFO_REGISTER_RSP];
  const struct stack_extent extent = extent_of(thread, sp);
  const pinfo_u64 python_bytes = python->count * sizeof(struct pinfo_python_frame);
  const struct pinfo_slot slot =
      pinfo_ring_reserve(sizeof(*sample) + extent.bytes + python_bytes, PINFO_LOSS_RING_SAMPLE);
  if (slot.record == NULL) return;
  struct pinfo_sample* record = slot.record;
  *record = *sample;
  pinfo_u64 bytes = extent.bytes;
  if (extent.known)
    memcpy(record + 1, (const void*)sp, bytes);
  else
    bytes = copy_unknown(record + 1, sp, bytes);
  if (bytes == 0) pinfo_ring_count_loss(PINFO_LOSS_STACK_READ);
  if (python_bytes != 0) memcpy((unsigned char*)(record + 1) + bytes, python->frames, python_bytes);
  record->header.size = (pinfo_u32)(sizeof(*sample) + bytes + python_bytes);
  record->header.type = PINFO_RECORD_SAMPLE;
  record->header.reserved = 0;
  record->header.pid = pinfo_process.pid;
  record->header.tid = thread->tid;
  record->header.time_ns = pinfo_now();
  record->connection = thread->connection;
  record->turn = thread->connection != 0 ? thread->turn : 0;
  record->stack_bytes = (pinfo_u32)bytes;
  record->flags |= (extent.truncated ? PINFO_SAMPLE_TRUNCATED : 0) | python->flags;
  record->python_frames = python->count;
  pinfo_ring_commit(slot);
}

static void emit_sample(struct pinfo_thread* thread, const struct pinfo_sample* sample) {
  const struct pinfo_python_walk python = pinfo_python_frames(thread);
  emit_with_python(thread, sample, &python);
  pinfo_python_walked(thread);
}

static void sample_running(struct pinfo_thread* thread, const siginfo_t* info,
                           const ucontext_t* context) {
  struct pinfo_sample sample;
  memset(&sample, 0, sizeof(sample));
  pinfo_registers_of(context, sample.registers);
  sample.kind = PINFO_SAMPLE_ON_CPU;
  const pinfo_u32 periods = 1 + (info->si_overrun > 0 ? (pinfo_u32)info->si_overrun : 0);
  sample.weight = periods < 0xffff ? (pinfo_u16)periods : 0xffff;
  sample.duration_ns = (pinfo_u64)periods * (1000000000u / pinfo_process.hz);
  /* Before the sample: it may be the first in a library that has just been loaded. */
  pinfo_describe_refresh(pinfo_now());
  emit_sample(thread, &sample);
  pinfo_emit_pending(thread);
}

void __attribute__((noinline))
pinfo_sample_blocked(struct pinfo_thread* thread, pinfo_u64 duration_ns) {
  struct pinfo_sample sample;
  memset(&sample, 0, sizeof(sample));
  PINFO_CURRENT_REGISTERS(sample.registers);
  sample.kind = PINFO_SAMPLE_BLOCKED;
  sample.weight = 1;
  sample.duration_ns = duration_ns;
  emit_sample(thread, &sample);
}

/* The signal was not our timer's, and the application has no handler for it (else it would not be
 * ours): it does what it does by default. */
static void forward_signal(int number) {
  struct sigaction plain;
  memset(&plain, 0, sizeof(plain));
  plain.sa_handler = SIG_DFL;
  pinfo_real.p_sigaction(number, &plain, NULL);
  pinfo_raw(SYS_tgkill, pinfo_raw(SYS_getpid), pinfo_raw(SYS_gettid), number);
}

int pinfo_sampler_sent(const siginfo_t* info) {
  return info->si_code == SI_TIMER && info->si_ptr == &timer_mark;
}

static void on_signal(int number, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  if (!pinfo_sampler_sent(info)) {
    forward_signal(number);
    errno = saved_errno;
    return;
  }
  struct pinfo_thread* thread = __atomic_load_n(&pinfo_thread_current, __ATOMIC_ACQUIRE);
  if (thread != NULL && pinfo_interrupted_syscall(context)) thread->interrupted_waits++;
  if (thread != NULL && !thread->in_handler && pinfo_recording()) {
    thread->in_handler = 1;
    sample_running(thread, info, context);
    thread->in_handler = 0;
  }
  errno = saved_errno;
}

static int take_if_free(int number) {
  struct sigaction action;
  if (pinfo_real.p_sigaction(number, NULL, &action) != 0 || (action.sa_flags & SA_SIGINFO) ||
      action.sa_handler != SIG_DFL)
    return 0;
  memset(&action, 0, sizeof(action));
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  /* No handler of the application's within ours: the end of a wait that it caused would be ours. */
  sigfillset(&action.sa_mask);
  return pinfo_real.p_sigaction(number, &action, NULL) == 0;
}

/* A signal that the caller blocks is one that it may be waiting for; only where it blocks them all
 * does that mean nothing. */
static int choose_signal(void) {
  sigset_t blocked;
  sigemptyset(&blocked);
  pinfo_raw(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, 8);
  for (int even_blocked = 0; even_blocked < 2; ++even_blocked)
    for (int number = SIGRTMAX; number >= SIGRTMIN; --number)
      if (sigismember(&avoided, number) != 1 &&
          (even_blocked || sigismember(&blocked, number) != 1) && take_if_free(number))
        return number;
  return sigismember(&avoided, SIGPROF) != 1 && take_if_free(SIGPROF) ? SIGPROF : 0;
}

int pinfo_sampler_signal(void) { return __atomic_load_n(&sampler_signal, __ATOMIC_ACQUIRE); }

void pinfo_sampler_start(void) {
  if (pinfo_process.hz == 0 || pinfo_real.p_sigaction == NULL) return;
  const int saved_errno = errno;
  if (pinfo_sampler_signal() == 0)
    __atomic_store_n(&sampler_signal, choose_signal(), __ATOMIC_RELEASE);
  errno = saved_errno;
  pinfo_thread_for_each(pinfo_sampler_start_thread);
}

void pinfo_sampler_start_thread(struct pinfo_thread* thread) {
  int none = -1;
  int starting = PINFO_TIMER_STARTING;
  const int number = pinfo_sampler_signal();
  if (number == 0 || thread->no_signal_room ||
      !__atomic_compare_exchange_n(&thread->timer, &none, starting, 0, __ATOMIC_ACQ_REL,
                                   __ATOMIC_RELAXED))
    return;
  struct sigevent event;
  memset(&event, 0, sizeof(event));
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = number;
  event.sigev_value.sival_ptr = &timer_mark;
  event._sigev_un._tid = (pid_t)thread->tid;
  int timer = -1;
  if (pinfo_raw(SYS_timer_create, thread_cpu_clock(thread->tid), &event, &timer) != 0) {
    __atomic_store_n(&thread->timer, -1, __ATOMIC_RELEASE);
    return;
  }
  const long period = 1000000000 / (long)pinfo_process.hz;
  /* hz 1 has a period of a whole second, which tv_nsec cannot hold. */
  const struct timespec interval = {period / 1000000000, period % 1000000000};
  const struct itimerspec setting = {interval, interval};
  pinfo_raw(SYS_timer_settime, timer, 0, &setting, 0);
  if (!__atomic_compare_exchange_n(&thread->timer, &starting, timer, 0, __ATOMIC_ACQ_REL,
                                   __ATOMIC_RELAXED))
    pinfo_raw(SYS_timer_delete, timer); /* the thread has ended meanwhile */
  else if (pinfo_sampler_signal() != number)
    pinfo_sampler_pause_thread(thread);
}

void pinfo_sampler_pause_thread(struct pinfo_thread* thread) {
  int timer = __atomic_load_n(&thread->timer, __ATOMIC_ACQUIRE);
  if (timer >= 0 && __atomic_compare_exchange_n(&thread->timer, &timer, -1, 0, __ATOMIC_ACQ_REL,
                                                __ATOMIC_RELAXED))
    pinfo_raw(SYS_timer_delete, timer);
}

void pinfo_sampler_stop_thread(struct pinfo_thread* thread) {
  const int timer = __atomic_exchange_n(&thread->timer, PINFO_TIMER_OVER, __ATOMIC_ACQ_REL);
  if (timer >= 0) pinfo_raw(SYS_timer_delete, timer);
}

/* Ignoring a signal also discards what of it is pending (signal(7)): an expiry that is on its way
 * must not reach the application. */
static void leave_signal(int number) {
  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_handler = SIG_IGN;
  pinfo_real.p_sigaction(number, &action, NULL);
  action.sa_handler = SIG_DFL;
  pinfo_real.p_sigaction(number, &action, NULL);
}

void pinfo_sampler_stop(void) {
  const int number = __atomic_exchange_n(&sampler_signal, 0, __ATOMIC_ACQ_REL);
  if (number == 0) return;
  pinfo_thread_for_each(pinfo_sampler_pause_thread);
  leave_signal(number);
}

void pinfo_sampler_avoid(const sigset_t* set) {
  const int saved_errno = errno;
  sigorset(&avoided, &avoided, set);
  const int number = pinfo_sampler_signal();
  if (number != 0 && sigismember(set, number) == 1) {
    pinfo_sampler_stop();
    pinfo_sampler_start();
  }
  errno = saved_errno;
}

void pinfo_sampler_shadow(const struct sigaction* action, struct sigaction* old) {
  if (old != NULL) *old = shadow;
  if (action != NULL) shadow = *action;
}

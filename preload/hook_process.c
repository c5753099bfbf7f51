/* SPDX-License-Identifier: MIT */
/* Calls about threads, signals, and the end of the process. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "preload/describe.h"
#include "preload/real.h"
#include "preload/sampler.h"
#include "preload/thread.h"

/* ---- threads ---- */

/* What a new thread is to run, on its way to it. No heap: a fixed number on their way at a time;
 * one more starts without the shim and is registered at its first hooked call. */
#define PINFO_STARTS 128
/* Above the shim's own frame lie start_thread's and clone's, and then glibc's struct pthread, all
 * of the same mapping: enough of it to let an unwinder find the end. */
#define PINFO_STACK_ABOVE_START 512

static struct thread_start {
  int in_use;
  void* (*routine)(void*);
  void* argument;
} starts[PINFO_STARTS];

static void* start_thread(void* value) {
  struct thread_start* start = value;
  void* (*routine)(void*) = start->routine;
  void* argument = start->argument;
  __atomic_store_n(&start->in_use, 0, __ATOMIC_RELEASE);
  if (pinfo_recording())
    pinfo_describe_task((pinfo_u32)pinfo_raw(SYS_gettid), pinfo_process.pid, 0);
  pinfo_thread_register((unsigned char*)__builtin_frame_address(0) + PINFO_STACK_ABOVE_START);
  return routine(argument);
}

static struct thread_start* take_start(void) {
  for (int i = 0; i < PINFO_STARTS; ++i) {
    int expected = 0;
    if (__atomic_compare_exchange_n(&starts[i].in_use, &expected, 1, 0, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED))
      return &starts[i];
  }
  return NULL;
}

PINFO_EXPORT int pthread_create(pthread_t* restrict thread,
                                const pthread_attr_t* restrict attributes, void* (*routine)(void*),
                                void* restrict argument) {
  if (PINFO_REAL(pthread_create) == NULL) return EAGAIN;
  struct thread_start* start = pinfo_process.ready ? take_start() : NULL;
  if (start == NULL) return pinfo_real.p_pthread_create(thread, attributes, routine, argument);
  start->routine = routine;
  start->argument = argument;
  const int result = pinfo_real.p_pthread_create(thread, attributes, start_thread, start);
  if (result != 0) __atomic_store_n(&start->in_use, 0, __ATOMIC_RELEASE);
  return result;
}

/* ---- the sampler's signal is not there for the application ---- */

static int is_ours(int number) { return number != 0 && number == pinfo_sampler_signal(); }

PINFO_EXPORT int sigaction(int number, const struct sigaction* restrict action,
                           struct sigaction* restrict old) {
  if (is_ours(number)) {
    pinfo_sampler_shadow(action, old);
    return 0;
  }
  if (PINFO_REAL(sigaction) != NULL) return pinfo_real.p_sigaction(number, action, old);
  errno = ENOSYS;
  return -1;
}

PINFO_EXPORT sighandler_t signal(int number, sighandler_t handler) {
  if (is_ours(number)) {
    struct sigaction action;
    struct sigaction old;
    memset(&action, 0, sizeof(action));
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    pinfo_sampler_shadow(&action, &old);
    return old.sa_handler;
  }
  if (PINFO_REAL(signal) != NULL) return pinfo_real.p_signal(number, handler);
  errno = ENOSYS;
  return SIG_ERR;
}

/* Whoever waits for every signal must not be given ours. */
static const sigset_t* without_ours(const sigset_t* set, sigset_t* copy) {
  const int number = pinfo_sampler_signal();
  if (number == 0 || set == NULL || sigismember(set, number) != 1) return set;
  *copy = *set;
  sigdelset(copy, number);
  return copy;
}

PINFO_EXPORT int sigwait(const sigset_t* restrict set, int* restrict number) {
  sigset_t copy;
  return PINFO_REAL(sigwait) != NULL ? pinfo_real.p_sigwait(without_ours(set, &copy), number)
                                     : ENOSYS;
}

PINFO_EXPORT int sigwaitinfo(const sigset_t* restrict set, siginfo_t* restrict info) {
  sigset_t copy;
  return PINFO_REAL(sigwaitinfo) != NULL ? pinfo_real.p_sigwaitinfo(without_ours(set, &copy), info)
                                         : (int)syscall(SYS_rt_sigtimedwait, set, info, 0, 8);
}

PINFO_EXPORT int sigtimedwait(const sigset_t* restrict set, siginfo_t* restrict info,
                              const struct timespec* restrict timeout) {
  sigset_t copy;
  return PINFO_REAL(sigtimedwait) != NULL
             ? pinfo_real.p_sigtimedwait(without_ours(set, &copy), info, timeout)
             : (int)syscall(SYS_rt_sigtimedwait, set, info, timeout, 8);
}

PINFO_EXPORT int signalfd(int fd, const sigset_t* set, int flags) {
  sigset_t copy;
  return PINFO_REAL(signalfd) != NULL ? pinfo_real.p_signalfd(fd, without_ours(set, &copy), flags)
                                      : (int)syscall(SYS_signalfd4, fd, set, 8, flags);
}

/* ---- the end ---- */

PINFO_EXPORT void _exit(int status) {
  pinfo_process_ended((pinfo_u32)(status & 0xff) << 8);
  for (;;) pinfo_raw(SYS_exit_group, status);
}

PINFO_EXPORT void _Exit(int status) { _exit(status); }

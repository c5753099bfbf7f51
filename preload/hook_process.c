/* SPDX-License-Identifier: MIT */
/* Calls about threads, sandboxes, and the end of the process. */
#include <dlfcn.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "preload/describe.h"
#include "preload/real.h"
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
  unsigned long reach;
} starts[PINFO_STARTS];

static void* start_thread(void* value) {
  struct thread_start* start = value;
  void* (*routine)(void*) = start->routine;
  void* argument = start->argument;
  unsigned char* here = __builtin_frame_address(0);
  unsigned char* low = here - start->reach;
  __atomic_store_n(&start->in_use, 0, __ATOMIC_RELEASE);
  if (pinfo_recording())
    pinfo_describe_task((pinfo_u32)pinfo_raw(SYS_gettid), pinfo_process.pid, 0);
  pinfo_thread_register(here + PINFO_STACK_ABOVE_START, low);
  return routine(argument);
}

/* How far below its first frame a thread's stack is mapped for certain. Half of it, since thread-
 * local storage of unknown size takes its share of the same mapping; none of a small one. */
static unsigned long stack_reach(const pthread_attr_t* attributes) {
  enum { kSmall = 256 << 10 };
  pthread_attr_t usual;
  size_t size = 0;
  size_t guard = 0;
  const int is_usual = attributes == NULL;
  if (is_usual && pthread_getattr_default_np(&usual) != 0) return 0;
  if (is_usual) attributes = &usual;
  pthread_attr_getstacksize(attributes, &size);
  pthread_attr_getguardsize(attributes, &guard);
  if (is_usual) pthread_attr_destroy(&usual);
  return size >= kSmall && guard < size ? (size - guard) / 2 : 0;
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
  start->reach = stack_reach(attributes);
  const int result = pinfo_real.p_pthread_create(thread, attributes, start_thread, start);
  if (result != 0) __atomic_store_n(&start->in_use, 0, __ATOMIC_RELEASE);
  return result;
}

/* ---- a system call filter is about to be set ---- */

PINFO_EXPORT int prctl(int option, ...) {
  va_list list;
  va_start(list, option);
  const unsigned long a = va_arg(list, unsigned long);
  const unsigned long b = va_arg(list, unsigned long);
  const unsigned long c = va_arg(list, unsigned long);
  const unsigned long d = va_arg(list, unsigned long);
  va_end(list);
  /* Without a program it is a question whether the kernel has filters. */
  if (option == PR_SET_SECCOMP && (a == SECCOMP_MODE_STRICT || b != 0)) pinfo_process_stand_aside();
  return PINFO_FORWARD(prctl, SYS_prctl, option, a, b, c, d);
}

/* libseccomp's, which makes the system call without asking libc. */
PINFO_EXPORT int seccomp_load(void* context) {
  int (*real)(void*) = NULL;
  void* found = dlsym(RTLD_NEXT, "seccomp_load");
  memcpy(&real, &found, sizeof(found));
  if (real == NULL) return -EOPNOTSUPP;
  pinfo_process_stand_aside();
  return real(context);
}

/* ---- the end ---- */

PINFO_EXPORT void _exit(int status) {
  pinfo_process_ended((pinfo_u32)(status & 0xff) << 8);
  for (;;) pinfo_raw(SYS_exit_group, status);
}

PINFO_EXPORT void _Exit(int status) { _exit(status); }

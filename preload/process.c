/* SPDX-License-Identifier: MIT */
#include "preload/process.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "preload/capture.h"
#include "preload/describe.h"
#include "preload/exact.h"
#include "preload/fd_table.h"
#include "preload/python.h"
#include "preload/real.h"
#include "preload/sampler.h"
#include "preload/thread.h"
#include "preload/writer.h"

#define PINFO_DEFAULT_HZ 99
#define PINFO_MAX_HZ 1000
#define PINFO_DEFAULT_STACK_BYTES PINFO_STACK_MAX
/* The kernel keeps at least 128 MB below the main stack free (arch/x86/mm/mmap.c, mmap_base). */
#define PINFO_MAIN_STACK_REACH (8ul << 20)

static const pinfo_u32 always_same = 1;
struct pinfo_process_state pinfo_process = {.same_process = &always_same};

#define PINFO_DEFAULT_OFF_CPU_MIN_NS 100000u

static pinfo_u32 number_from(const char* name, pinfo_u32 fallback, pinfo_u32 limit) {
  const char* text = getenv(name);
  if (text == NULL || *text < '0' || *text > '9') return fallback;
  const unsigned long value = strtoul(text, NULL, 10);
  return value < limit ? (pinfo_u32)value : limit;
}

/* Field 22 of /proc/self/stat, after the name, which may itself hold blanks and brackets. */
static pinfo_u64 read_start_ticks(void) {
  char text[1024];
  if (pinfo_read_file("/proc/self/stat", text, sizeof(text)) <= 0) return 0;
  const char* at = strrchr(text, ')');
  for (int field = 2; at != NULL && field < 22; ++field) at = strchr(at + 1, ' ');
  return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

static void watch_for_forks(void) {
  const long page =
      pinfo_raw(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page < 0 && page > -4096) return;
  if (pinfo_raw(SYS_madvise, page, 4096, MADV_WIPEONFORK) != 0) {
    pinfo_raw(SYS_munmap, page, 4096);
    return;
  }
  *(volatile pinfo_u32*)page = 1;
  pinfo_process.same_process = (const volatile pinfo_u32*)page;
}

static void identify(void) {
  pinfo_process.pid = (pinfo_u32)pinfo_raw(SYS_getpid);
  pinfo_process.start_ticks = read_start_ticks();
  /* Unique on the machine for as long as anybody remembers: pid, start time, a number. */
  pinfo_process.next_connection =
      (pinfo_u64)pinfo_process.pid << 40 | (pinfo_process.start_ticks & 0xffff) << 24 | 1;
}

void pinfo_process_forked(void) {
  /* First of all: the page is what every check looks at, and what follows makes such checks. */
  const pinfo_u32 parent = pinfo_process.pid;
  const pinfo_u32 parent_tid = pinfo_thread_current != NULL ? pinfo_thread_current->tid : parent;
  if (pinfo_process.same_process != &always_same)
    *(volatile pinfo_u32*)pinfo_process.same_process = 1;
  if (!pinfo_process.ready) return;
  const int recorded = pinfo_process.recording != PINFO_REFUSED;
  pinfo_process.recording = PINFO_NOT_SERVING;
  pinfo_ring_drop();
  identify();
  pinfo_process.parent_pid = parent;
  pinfo_process.parent_tid = parent_tid;
  pinfo_describe_after_fork();
  pinfo_thread_after_fork();
  pinfo_fd_after_fork();
  if (recorded && pinfo_process.listens)
    pinfo_ring_open(pinfo_process.pid, pinfo_process.start_ticks);
}

static void on_fork_child(void) {
  if (pinfo_process.ready && (pinfo_u32)pinfo_raw(SYS_getpid) != pinfo_process.pid)
    pinfo_process_forked();
}

/* "Seccomp:" in /proc/self/status (proc(5)): 0 is none. Where it cannot be told: yes. */
static int is_filtered(void) {
  char text[4096];
  const long n = pinfo_read_file("/proc/self/status", text, sizeof(text));
  const char* at = n > 0 ? strstr(text, "\nSeccomp:\t") : NULL;
  return at == NULL || at[10] != '0';
}

void pinfo_process_stand_aside(void) {
  if (!pinfo_process.ready || pinfo_is_vfork_child()) return;
  const int saved_errno = errno;
  if (pinfo_recording()) pinfo_thread_for_each(pinfo_emit_pending);
  __atomic_store_n(&pinfo_process.recording, PINFO_REFUSED, __ATOMIC_RELEASE);
  pinfo_sampler_stop();
  pinfo_thread_stand_aside();
  pinfo_ring_forget_directory();
  pinfo_process.ready = 0;
  errno = saved_errno;
}

void pinfo_process_start_recording(void) {
  int expected = PINFO_NOT_SERVING;
  if (!__atomic_compare_exchange_n(&pinfo_process.recording, &expected, PINFO_STARTING, 0,
                                   __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    return;
  pinfo_process.filtered = is_filtered();
  int result = pinfo_ring_open(pinfo_process.pid, pinfo_process.start_ticks);
  if (result == 0) result = pinfo_ring_activate();
  if (result < 0) {
    pinfo_ring_end();
    pinfo_ring_drop();
    __atomic_store_n(&pinfo_process.recording, PINFO_REFUSED, __ATOMIC_RELEASE);
    return;
  }
  if (result == 1)
    pinfo_describe_exec();
  else if (pinfo_process.parent_pid != 0)
    pinfo_describe_task(pinfo_process.pid, pinfo_process.parent_pid, pinfo_process.parent_tid);
  pinfo_describe_process();
  pinfo_describe_mappings();
  pinfo_python_look();
  __atomic_store_n(&pinfo_process.recording, PINFO_RECORDING, __ATOMIC_RELEASE);
  pinfo_sampler_start();
}

void pinfo_process_ended(pinfo_u32 status) {
  if (!pinfo_process.ready || pinfo_is_vfork_child()) return;
  if (pinfo_recording()) {
    pinfo_thread_for_each(pinfo_emit_pending);
    int expected = PINFO_RECORDING;
    if (!__atomic_compare_exchange_n(&pinfo_process.recording, &expected, PINFO_REFUSED, 0,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
      return;
    pinfo_describe_exit(status);
  }
  pinfo_ring_end();
}

static void on_exit_status(int status, void* unused) {
  (void)unused;
  pinfo_process_ended((pinfo_u32)(status & 0xff) << 8);
}

/* glibc hands main's arguments to constructors; argv lies just above _start's frame. */
__attribute__((constructor)) static void pinfo_begin(int argc, char** argv, char** environment) {
  (void)argc;
  (void)environment;
  const int saved_errno = errno;
  pinfo_real_resolve();
  pinfo_process.hz = number_from("PINFO_HZ", PINFO_DEFAULT_HZ, PINFO_MAX_HZ);
  pinfo_process.stack_bytes =
      number_from("PINFO_STACK_BYTES", PINFO_DEFAULT_STACK_BYTES, PINFO_STACK_MAX);
  pinfo_process.off_cpu_min_ns =
      number_from("PINFO_OFF_CPU_MIN_NS", PINFO_DEFAULT_OFF_CPU_MIN_NS, 4000000000u);
  struct rlimit stack = {PINFO_MAIN_STACK_REACH, 0};
  pinfo_raw(SYS_prlimit64, 0, RLIMIT_STACK, NULL, &stack);
  pinfo_process.main_stack_top = (unsigned char*)argv;
  pinfo_process.main_stack_low =
      (unsigned char*)argv -
      (stack.rlim_cur < PINFO_MAIN_STACK_REACH ? stack.rlim_cur : PINFO_MAIN_STACK_REACH);
  pinfo_exact_configure();
  watch_for_forks();
  identify();
  pthread_atfork(NULL, NULL, on_fork_child);
  on_exit(on_exit_status, NULL);
  pinfo_process.ready = 1;
  pinfo_thread_init();
  const int adopted = pinfo_ring_adopt(pinfo_process.pid, pinfo_process.start_ticks);
  if (pinfo_fd_find_listening() || adopted) pinfo_process_start_recording();
  errno = saved_errno;
}

/* SPDX-License-Identifier: MIT */
#include "preload/describe.h"

#include <fcntl.h>
#include <string.h>

#include "preload/process.h"
#include "preload/python.h"
#include "preload/writer.h"

#define PINFO_MAPPINGS_WATCH_NS 1000000000u
#define PINFO_MAPPINGS_PAUSE_NS 100000000u
/* Code is used as soon as it is there: at first it is looked at more often. */
#define PINFO_MAPPINGS_FIRST_NS 50000000u
#define PINFO_MAPPINGS_FIRST_PAUSE_NS 10000000u
#define PINFO_MAPPINGS_LEAST_PAUSE_NS 1000000u

pinfo_u64 pinfo_mappings_changed_ns;
static pinfo_u64 mappings_read_ns;
static int mappings_busy;
/* Scratch of whoever describes: one thread at a time (recording's start, or mappings_busy). */
static char scratch[3 * PINFO_TEXT_MAX];

/* A record with its payload's room, zeroed up to it; NULL where the ring is full. */
static struct pinfo_slot reserve(unsigned type, pinfo_u64 fixed, pinfo_u64 payload, pinfo_u32 tid) {
  const struct pinfo_slot slot = pinfo_ring_reserve(fixed + payload, PINFO_LOSS_RING_OTHER);
  if (slot.record == NULL) return slot;
  struct pinfo_header* header = slot.record;
  memset(header, 0, fixed);
  header->size = (pinfo_u32)(fixed + payload);
  header->type = (pinfo_u16)type;
  header->pid = pinfo_process.pid;
  header->tid = tid;
  header->time_ns = pinfo_now();
  return slot;
}

static long link_target(const char* path, char* out, long room) {
  const long n = pinfo_raw(SYS_readlinkat, AT_FDCWD, path, out, room - 1);
  out[n > 0 ? n : 0] = 0;
  return n > 0 ? n : 0;
}

/* exe, comm, cwd and arguments, each zero-terminated, into scratch; their length. */
static pinfo_u64 process_text(void) {
  char* at = scratch;
  at += link_target("/proc/self/exe", at, PINFO_TEXT_MAX / 2) + 1;
  long n = pinfo_read_file("/proc/self/comm", at, 64);
  if (n > 0 && at[n - 1] == '\n') at[--n] = 0;
  if (n <= 0) at[n = 0] = 0;
  at += n + 1;
  at += link_target("/proc/self/cwd", at, PINFO_TEXT_MAX / 2) + 1;
  n = pinfo_read_file("/proc/self/cmdline", at, PINFO_TEXT_MAX);
  if (n < 0) n = 0;
  while (n > 0 && at[n - 1] == 0) --n;
  for (long i = 0; i < n; ++i)
    if (at[i] == 0) at[i] = ' ';
  at[n] = 0;
  return (pinfo_u64)(at + n + 1 - scratch);
}

void pinfo_describe_process(void) {
  const pinfo_u64 bytes = process_text();
  const struct pinfo_slot slot =
      reserve(PINFO_RECORD_PROCESS, sizeof(struct pinfo_process), bytes, pinfo_process.pid);
  if (slot.record == NULL) return;
  struct pinfo_process* record = slot.record;
  record->start_ticks = pinfo_process.start_ticks;
  record->parent_pid = (pinfo_u32)pinfo_raw(SYS_getppid);
  record->uid = (pinfo_u32)pinfo_raw(SYS_getuid);
  record->text_bytes = (pinfo_u32)bytes;
  memcpy(record + 1, scratch, bytes);
  pinfo_ring_commit(slot);
}

static pinfo_u64 read_number(const char** text, unsigned base) {
  pinfo_u64 value = 0;
  for (;; ++*text) {
    const char c = **text;
    unsigned digit;
    if (c >= '0' && c <= '9')
      digit = (unsigned)(c - '0');
    else if (base == 16 && c >= 'a' && c <= 'f')
      digit = (unsigned)(c - 'a') + 10;
    else
      return value;
    value = value * base + digit;
  }
}

/* "start-end rwxp offset major:minor inode   path" (proc(5)). Returns whether it was executable. */
static int describe_mapping(const char* line, int first) {
  struct pinfo_mapping mapping;
  memset(&mapping, 0, sizeof(mapping));
  mapping.start = read_number(&line, 16);
  ++line;
  mapping.end = read_number(&line, 16);
  const char* permissions = strchr(line, ' ');
  if (permissions == NULL || strlen(permissions) < 6 || permissions[3] != 'x') return 0;
  line = permissions + 6;
  mapping.file_offset = read_number(&line, 16);
  ++line;
  mapping.device_major = (pinfo_u32)read_number(&line, 16);
  ++line;
  mapping.device_minor = (pinfo_u32)read_number(&line, 16);
  ++line;
  mapping.inode = read_number(&line, 10);
  while (*line == ' ') ++line;
  pinfo_u64 bytes = strlen(line);
  if (bytes > PINFO_TEXT_MAX) bytes = PINFO_TEXT_MAX;
  const struct pinfo_slot slot =
      reserve(PINFO_RECORD_MAPPING, sizeof(mapping), bytes, pinfo_process.pid);
  if (slot.record == NULL) return 0;
  struct pinfo_mapping* record = slot.record;
  mapping.header = record->header;
  mapping.path_bytes = (pinfo_u32)bytes;
  mapping.flags = PINFO_MAPPING_EXECUTABLE | (first ? PINFO_MAPPING_RESET : 0);
  *record = mapping;
  memcpy(record + 1, line, bytes);
  pinfo_ring_commit(slot);
  return 1;
}

void pinfo_describe_mappings(void) {
  const int fd = (int)pinfo_raw(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const long room = sizeof(scratch) - 1;
  long used = 0;
  int first = 1;
  for (;;) {
    const long n = pinfo_raw(SYS_read, fd, scratch + used, room - used);
    if (n <= 0) break;
    used += n;
    scratch[used] = 0;
    char* line = scratch;
    for (char* end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
      *end = 0;
      if (describe_mapping(line, first)) first = 0;
      line = end + 1;
    }
    used -= line - scratch;
    memmove(scratch, line, (size_t)used);
  }
  pinfo_raw(SYS_close, fd);
}

void pinfo_describe_task(pinfo_u32 tid, pinfo_u32 parent_pid, pinfo_u32 parent_tid) {
  const struct pinfo_slot slot = reserve(PINFO_RECORD_TASK, sizeof(struct pinfo_task), 0, tid);
  if (slot.record == NULL) return;
  struct pinfo_task* record = slot.record;
  record->parent_pid = parent_pid;
  record->parent_tid = parent_tid;
  pinfo_ring_commit(slot);
}

void pinfo_describe_task_end(pinfo_u32 tid) {
  const struct pinfo_slot slot = reserve(PINFO_RECORD_EXIT, sizeof(struct pinfo_exit), 0, tid);
  if (slot.record != NULL) pinfo_ring_commit(slot);
}

void pinfo_describe_exec(void) {
  const pinfo_u64 bytes = (pinfo_u64)link_target("/proc/self/exe", scratch, PINFO_TEXT_MAX);
  const struct pinfo_slot slot =
      reserve(PINFO_RECORD_EXEC, sizeof(struct pinfo_exec), bytes, pinfo_process.pid);
  if (slot.record == NULL) return;
  struct pinfo_exec* record = slot.record;
  record->path_bytes = (pinfo_u32)bytes;
  memcpy(record + 1, scratch, bytes);
  pinfo_ring_commit(slot);
}

void pinfo_describe_exit(pinfo_u32 status) {
  const struct pinfo_slot slot =
      reserve(PINFO_RECORD_EXIT, sizeof(struct pinfo_exit), 0, pinfo_process.pid);
  if (slot.record == NULL) return;
  struct pinfo_exit* record = slot.record;
  record->process_ended = 1;
  record->status = status;
  pinfo_ring_commit(slot);
}

void pinfo_describe_after_fork(void) { mappings_busy = 0; }

void pinfo_describe_mappings_change(void) {
  if (!pinfo_process.ready) return;
  __atomic_store_n(&pinfo_mappings_changed_ns, pinfo_now(), __ATOMIC_RELAXED);
}

void pinfo_describe_mappings_again(pinfo_u64 now) {
  pinfo_u64 changed = __atomic_load_n(&pinfo_mappings_changed_ns, __ATOMIC_RELAXED);
  const pinfo_u64 read = __atomic_load_n(&mappings_read_ns, __ATOMIC_RELAXED);
  pinfo_u64 pause = PINFO_MAPPINGS_PAUSE_NS;
  if (changed > read)
    pause = PINFO_MAPPINGS_LEAST_PAUSE_NS; /* what is known is out of date, and names would be wrong */
  else if (now - changed < PINFO_MAPPINGS_FIRST_NS)
    pause = PINFO_MAPPINGS_FIRST_PAUSE_NS;
  if (now - read < pause ||
      __atomic_exchange_n(&mappings_busy, 1, __ATOMIC_ACQUIRE) != 0)
    return;
  __atomic_store_n(&mappings_read_ns, now, __ATOMIC_RELAXED);
  /* The last reading comes after the watch: a change during it starts a watch of its own. */
  if (now - changed > PINFO_MAPPINGS_WATCH_NS)
    __atomic_compare_exchange_n(&pinfo_mappings_changed_ns, &changed, 0, 0, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
  pinfo_describe_mappings();
  pinfo_python_look();
  __atomic_store_n(&mappings_busy, 0, __ATOMIC_RELEASE);
}

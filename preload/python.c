/* SPDX-License-Identifier: MIT */
#include "preload/python.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "preload/python_text.h"
#include "preload/writer.h"

/* Thread states looked at to find this thread's, over all interpreters of the process. */
#define PYTHON_THREADS_MAX 256
/* Up to the line table's pointer, which the sampling program has no use for. */
#define PYTHON_CODE_BYTES (PINFO_PYTHON_CODE_BYTES + 8)
#define PYTHON_PAGE 4096u
/* Names may be needed by samples that other threads took a little earlier. */
#define PYTHON_NAMES_AHEAD_NS 1000000u

enum { PYTHON_NOT_FOUND = 0, PYTHON_FOUND = 1, PYTHON_UNUSABLE = 2 };

static struct {
  int state;   /* atomic */
  int looking; /* atomic: one thread at a time */
  pinfo_u64 code_type;
  pinfo_u64 since_ns; /* no name is older */
  pinfo_u32 told_pid; /* the process whose ring has the PYTHON record */
  struct pinfo_python_version version;
} python;

/* Code objects whose names are in the ring, by hash; 0 is free. Cleared in forked children (whose
 * ring is another one) and when nearly full. */
#define PYTHON_NAMED_SLOTS 32768u
#define PYTHON_NAMED_MAX 24000u
static struct named {
  pinfo_u64 count;
  pinfo_u64 keys[PYTHON_NAMED_SLOTS];
}* named;

/* One walk's. A page of frames is read at once, and all code objects are. */
struct python_scratch {
  struct pinfo_python_frame frames[PINFO_PYTHON_FRAMES_MAX];
  unsigned char codes[PINFO_PYTHON_FRAMES_MAX][PYTHON_CODE_BYTES] __attribute__((aligned(8)));
  struct iovec remote[PINFO_PYTHON_FRAMES_MAX];
  unsigned char object[PINFO_PYTHON_THREAD_BYTES + 8] __attribute__((aligned(8)));
  unsigned char page[PYTHON_PAGE];
  pinfo_u64 page_at; /* 0: none */
  struct pinfo_python_text text;
};
_Static_assert(PINFO_PYTHON_FRAME_BYTES_MAX <= PINFO_PYTHON_THREAD_BYTES, "object holds either");

/* A walk, and one in a signal handler above it. */
#define PYTHON_WALKS 2

static pinfo_u64 word_at(const unsigned char* bytes, unsigned offset) {
  pinfo_u64 value;
  memcpy(&value, bytes + offset, sizeof(value));
  return value;
}

static pinfo_u32 int_at(const unsigned char* bytes, unsigned offset) {
  pinfo_u32 value;
  memcpy(&value, bytes + offset, sizeof(value));
  return value;
}

/* ---- finding the interpreter ---- */

static void tell(enum pinfo_python_state state) {
  const pinfo_u64 size = sizeof(struct pinfo_python);
  const struct pinfo_slot slot = pinfo_ring_reserve(size, PINFO_LOSS_RING_OTHER);
  if (slot.record == NULL) return;
  struct pinfo_python* record = slot.record;
  memset(record, 0, size);
  record->header.size = (pinfo_u32)size;
  record->header.type = PINFO_RECORD_PYTHON;
  record->header.pid = record->header.tid = pinfo_process.pid;
  record->header.time_ns = pinfo_now();
  record->version = python.version.version;
  record->state = (pinfo_u8)state;
  pinfo_ring_commit(slot);
}

static void* symbol(const char* name) {
  void* found = dlsym(RTLD_DEFAULT, name);
  if (found == NULL) dlerror(); /* else the application's next dlerror() would be ours */
  return found;
}

/* Py_Version is new in 3.11. Py_GetVersion gives text such as "3.9.2 (default, ...". */
static unsigned version_of_interpreter(void) {
  const unsigned long* number = symbol("Py_Version");
  if (number != NULL) return (unsigned)(*number >> 16);
  const char* (*get_version)(void) = NULL;
  void* found = symbol("Py_GetVersion");
  memcpy(&get_version, &found, sizeof(found));
  const char* text = get_version != NULL ? get_version() : NULL;
  if (text == NULL || text[0] != '3' || text[1] != '.') return 0;
  const unsigned long minor = strtoul(text + 2, NULL, 10);
  return minor < 256 ? 0x0300u | (unsigned)minor : 0;
}

static enum pinfo_python_state examine(const void* runtime) {
  const unsigned version = version_of_interpreter();
  if (!pinfo_python_version_of(version, &python.version)) {
    python.version.version = (pinfo_u16)version;
    return PINFO_PYTHON_UNKNOWN_VERSION;
  }
  if (version >= PINFO_PYTHON_SELF_DESCRIBED) {
    pinfo_u64 words[PINFO_PYTHON_DEBUG_BYTES / 8];
    memcpy(words, runtime, sizeof(words));
    const enum pinfo_python_description told = pinfo_python_describe(words, &python.version);
    if (told == PINFO_PYTHON_NO_GIL) return PINFO_PYTHON_FREE_THREADED;
    if (told != PINFO_PYTHON_DESCRIBED) return PINFO_PYTHON_UNREADABLE;
  }
  if (pinfo_process.filtered) return PINFO_PYTHON_FORBIDDEN; /* a filter may end us for the call */
  const long room = pinfo_raw(SYS_mmap, 0, sizeof(*named), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room < 0 && room > -4096) return PINFO_PYTHON_FORBIDDEN;
  pinfo_raw(SYS_madvise, room, sizeof(*named), MADV_WIPEONFORK);
  python.version.walk.interpreters = (pinfo_u64)runtime + python.version.interpreters;
  named = (struct named*)room;
  return PINFO_PYTHON_WALKED;
}

void pinfo_python_look(void) {
  if (__atomic_exchange_n(&python.looking, 1, __ATOMIC_ACQUIRE) != 0) return;
  const int saved_errno = errno;
  int state = __atomic_load_n(&python.state, __ATOMIC_RELAXED);
  if (state == PYTHON_FOUND && python.told_pid != pinfo_process.pid) {
    python.since_ns = pinfo_now();
    python.told_pid = pinfo_process.pid;
    tell(PINFO_PYTHON_WALKED);
  } else if (state == PYTHON_NOT_FOUND) {
    const void* runtime = symbol("_PyRuntime");
    python.code_type = runtime != NULL ? (pinfo_u64)symbol("PyCode_Type") : 0;
    if (python.code_type != 0) {
      python.since_ns = pinfo_now();
      python.told_pid = pinfo_process.pid;
      const enum pinfo_python_state result = examine(runtime);
      tell(result);
      state = result == PINFO_PYTHON_WALKED ? PYTHON_FOUND : PYTHON_UNUSABLE;
      __atomic_store_n(&python.state, state, __ATOMIC_RELEASE);
    }
  }
  errno = saved_errno;
  __atomic_store_n(&python.looking, 0, __ATOMIC_RELEASE);
}

const struct pinfo_python_version* pinfo_python_version(void) {
  return __atomic_load_n(&python.state, __ATOMIC_ACQUIRE) == PYTHON_FOUND ? &python.version : NULL;
}

/* ---- reading ---- */

static long read_self(const struct iovec* local, const struct iovec* remote, unsigned long count) {
  const long got =
      pinfo_raw(SYS_process_vm_readv, pinfo_process.pid, local, 1, remote, count, 0);
  if (got == -EPERM || got == -ENOSYS) {
    int expected = PYTHON_FOUND;
    if (__atomic_compare_exchange_n(&python.state, &expected, PYTHON_UNUSABLE, 0, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED))
      tell(PINFO_PYTHON_FORBIDDEN);
  }
  return got;
}

int pinfo_python_read(void* to, pinfo_u64 address, pinfo_u64 bytes) {
  const struct iovec local = {to, bytes};
  const struct iovec remote = {(void*)address, bytes};
  return read_self(&local, &remote, 1) == (long)bytes;
}

/* By whole pages: frames lie side by side from 3.11 on. */
static int read_frame(struct python_scratch* scratch, pinfo_u64 address, pinfo_u64 bytes) {
  const pinfo_u64 page = address & ~(pinfo_u64)(PYTHON_PAGE - 1);
  if (address + bytes > page + PYTHON_PAGE)
    return pinfo_python_read(scratch->object, address, bytes);
  if (page != scratch->page_at) {
    scratch->page_at = 0;
    if (!pinfo_python_read(scratch->page, page, PYTHON_PAGE)) return 0;
    scratch->page_at = page;
  }
  memcpy(scratch->object, scratch->page + (address - page), bytes);
  return 1;
}

/* The innermost frame of the thread whose state is at address; 0 where that is not the running
 * thread's state or it runs no Python. Leaves the state in scratch. */
static pinfo_u64 frame_of(struct python_scratch* scratch, pinfo_u64 address) {
  const struct pinfo_python_layout* layout = &python.version.walk;
  if (!pinfo_python_read(scratch->object, address, PINFO_PYTHON_THREAD_BYTES)) {
    memset(scratch->object, 0, sizeof(scratch->object));
    return 0;
  }
  if (word_at(scratch->object, layout->thread_id) != (pinfo_u64)pthread_self()) return 0;
  pinfo_u64 frame = word_at(scratch->object, layout->thread_frame);
  if (layout->cframe_frame != PINFO_PYTHON_NO_CFRAME &&
      !pinfo_python_read(&frame, frame + layout->cframe_frame, sizeof(frame)))
    return 0;
  return frame;
}

/* As python_current_frame of bpf/python.h. */
static pinfo_u64 current_frame(struct pinfo_thread* thread, struct python_scratch* scratch) {
  const struct pinfo_python_layout* layout = &python.version.walk;
  pinfo_u64 interpreter;
  pinfo_u64 state = 0;
  if (thread->python_state != 0) {
    const pinfo_u64 frame = frame_of(scratch, thread->python_state);
    if (frame != 0) return frame;
  }
  if (!pinfo_python_read(&interpreter, layout->interpreters, sizeof(interpreter))) return 0;
  for (int i = 0; i < PYTHON_THREADS_MAX; ++i) {
    if (state == 0) {
      if (interpreter == 0 ||
          !pinfo_python_read(&state, interpreter + layout->interpreter_threads, sizeof(state)) ||
          !pinfo_python_read(&interpreter, interpreter + layout->interpreter_next,
                             sizeof(interpreter)))
        return 0;
      continue;
    }
    const pinfo_u64 frame = frame_of(scratch, state);
    if (frame != 0) {
      thread->python_state = state;
      return frame;
    }
    state = word_at(scratch->object, layout->thread_next);
  }
  return 0;
}

static pinfo_u32 instruction_of(const unsigned char* frame, pinfo_u64 code) {
  const struct pinfo_python_layout* layout = &python.version.walk;
  pinfo_u64 offset;
  switch ((enum pinfo_python_instruction_kind)layout->instruction_kind) {
    case PINFO_PYTHON_INSTRUCTION_BYTES:
      offset = int_at(frame, layout->frame_instruction);
      break;
    case PINFO_PYTHON_INSTRUCTION_UNITS:
      offset = (pinfo_u64)int_at(frame, layout->frame_instruction) * 2;
      break;
    case PINFO_PYTHON_INSTRUCTION_POINTER:
    default:
      offset = word_at(frame, layout->frame_instruction) - code - layout->code_start;
      break;
  }
  return offset < PINFO_PYTHON_NOT_STARTED ? (pinfo_u32)offset : PINFO_PYTHON_NOT_STARTED;
}

static int is_entry(const unsigned char* frame) {
  const struct pinfo_python_layout* layout = &python.version.walk;
  if (layout->entry_kind == PINFO_PYTHON_ENTRY_EACH) return 1;
  if (layout->entry_kind == PINFO_PYTHON_ENTRY_FLAG) return frame[layout->frame_entry] != 0;
  return frame[layout->frame_entry] == PINFO_PYTHON_OWNED_BY_C_STACK;
}

/* ---- names ---- */

static pinfo_u64 name_key(pinfo_u64 code, pinfo_u32 identity) {
  const pinfo_u64 key = (code ^ (pinfo_u64)identity << 32) * 0x9e3779b97f4a7c15ull;
  return key != 0 ? key : 1;
}

int pinfo_python_is_named(pinfo_u64 code, pinfo_u32 identity) {
  const pinfo_u64 key = name_key(code, identity);
  for (pinfo_u64 i = key >> 49;; i = (i + 1) % PYTHON_NAMED_SLOTS) {
    const pinfo_u64 here = __atomic_load_n(&named->keys[i], __ATOMIC_ACQUIRE);
    if (here == key) return 1;
    if (here == 0) return 0;
  }
}

/* After the name is in the ring: at worst two threads send it. */
static void remember_named(pinfo_u64 code, pinfo_u32 identity) {
  const pinfo_u64 key = name_key(code, identity);
  /* Cleared while others look: they find it missing, and send it again. */
  if (__atomic_add_fetch(&named->count, 1, __ATOMIC_RELAXED) > PYTHON_NAMED_MAX) {
    __atomic_store_n(&named->count, 0, __ATOMIC_RELAXED);
    memset(named->keys, 0, sizeof(named->keys));
  }
  for (pinfo_u64 i = key >> 49;; i = (i + 1) % PYTHON_NAMED_SLOTS) {
    pinfo_u64 expected = 0;
    if (__atomic_compare_exchange_n(&named->keys[i], &expected, key, 0, __ATOMIC_ACQ_REL,
                                    __ATOMIC_RELAXED) ||
        expected == key)
      return;
  }
}
_Static_assert(PYTHON_NAMED_SLOTS == 1u << (64 - 49), "the upper bits of the hash");

static struct pinfo_slot reserve_name(struct pinfo_python_code* record, pinfo_u64 text_bytes,
                                      pinfo_u64 table_bytes) {
  const struct pinfo_slot slot = pinfo_ring_reserve(sizeof(*record) + text_bytes + table_bytes,
                                                    PINFO_LOSS_RING_OTHER);
  const pinfo_u64 now = pinfo_now();
  const pinfo_u64 ahead = now - PYTHON_NAMES_AHEAD_NS;
  record->header.size = (pinfo_u32)(sizeof(*record) + text_bytes + table_bytes);
  record->header.type = PINFO_RECORD_PYTHON_CODE;
  record->header.pid = record->header.tid = pinfo_process.pid;
  record->header.time_ns = ahead > python.since_ns ? ahead : python.since_ns;
  record->text_bytes = (pinfo_u32)text_bytes;
  record->table_bytes = (pinfo_u32)table_bytes;
  return slot;
}

/* bytes: of the code object. */
static void send_name(struct pinfo_python_text* text, pinfo_u64 code, pinfo_u32 identity,
                      const unsigned char* bytes) {
  const struct pinfo_python_layout* layout = &python.version.walk;
  if (word_at(bytes, PINFO_PYTHON_OBJECT_TYPE) != python.code_type ||
      !pinfo_python_text_read(text, &python.version, word_at(bytes, layout->code_file),
                              word_at(bytes, layout->code_name),
                              word_at(bytes, python.version.code_line_table)))
    return;
  struct pinfo_python_code record;
  memset(&record, 0, sizeof(record));
  record.code = code;
  record.identity = identity;
  record.first_line = int_at(bytes, layout->code_first_line);
  record.version = python.version.version;
  const struct pinfo_slot slot = reserve_name(&record, text->bytes, text->table_bytes);
  if (slot.record == NULL) return;
  unsigned char* to = (unsigned char*)slot.record + sizeof(record);
  memcpy(to, text->utf8, text->bytes);
  if (!pinfo_python_read(to + text->bytes, text->table, text->table_bytes)) {
    record.header.size -= record.table_bytes;
    record.table_bytes = 0;
  }
  memcpy(slot.record, &record, sizeof(record));
  pinfo_ring_commit(slot);
  remember_named(code, identity);
}

void pinfo_python_name_other(pinfo_u64 code, pinfo_u32 identity, const char* name) {
  const pinfo_u64 length = strnlen(name, PINFO_PYTHON_CHARACTERS_MAX);
  struct pinfo_python_code record;
  memset(&record, 0, sizeof(record));
  record.code = code;
  record.identity = identity;
  const struct pinfo_slot slot = reserve_name(&record, sizeof("~") + length + 1, 0);
  if (slot.record == NULL) return;
  char* to = (char*)slot.record + sizeof(record);
  memcpy(slot.record, &record, sizeof(record));
  memcpy(to, "~", sizeof("~"));
  memcpy(to + sizeof("~"), name, length);
  to[sizeof("~") + length] = 0;
  pinfo_ring_commit(slot);
  remember_named(code, identity);
}

/* ---- walking ---- */

/* Each call is followed by pinfo_python_walked, also where it returns NULL. */
static struct python_scratch* take_scratch(struct pinfo_thread* thread) {
  const int walk = thread->python_walks++;
  if (walk >= PYTHON_WALKS) return NULL;
  if (thread->python_scratch == NULL && pinfo_python_version() != NULL) {
    const long room = pinfo_raw(SYS_mmap, 0, PYTHON_WALKS * sizeof(struct python_scratch),
                                PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room < 0 && room > -4096) return NULL;
    /* A handler above us may have been first. */
    void* expected = NULL;
    if (!__atomic_compare_exchange_n(&thread->python_scratch, &expected, (void*)room, 0,
                                     __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
      pinfo_raw(SYS_munmap, room, PYTHON_WALKS * sizeof(struct python_scratch));
  }
  if (thread->python_scratch == NULL) return NULL;
  return (struct python_scratch*)thread->python_scratch + walk;
}

/* All code objects in as few calls as there are unreadable ones. */
static void identify(struct python_scratch* scratch, pinfo_u16 count) {
  const struct pinfo_python_layout* layout = &python.version.walk;
  pinfo_u16 at = 0;
  for (pinfo_u16 i = 0; i < count; ++i)
    scratch->remote[i] = (struct iovec){(void*)scratch->frames[i].code,
                                        scratch->frames[i].code != 0 ? PYTHON_CODE_BYTES : 0};
  while (at < count) {
    if (scratch->frames[at].code == 0) {
      ++at;
      continue;
    }
    pinfo_u16 end = at;
    while (end < count && scratch->frames[end].code != 0) ++end;
    const struct iovec local = {scratch->codes[at], (pinfo_u64)(end - at) * PYTHON_CODE_BYTES};
    const long got = read_self(&local, &scratch->remote[at], end - at);
    const pinfo_u16 whole = got > 0 ? (pinfo_u16)(got / PYTHON_CODE_BYTES) : 0;
    for (pinfo_u16 i = at; i < at + whole; ++i) {
      const unsigned char* code = scratch->codes[i];
      scratch->frames[i].identity = pinfo_python_identity(
          word_at(code, layout->code_file), word_at(code, layout->code_name),
          int_at(code, layout->code_first_line));
      if (!pinfo_python_is_named(scratch->frames[i].code, scratch->frames[i].identity))
        send_name(&scratch->text, scratch->frames[i].code, scratch->frames[i].identity, code);
    }
    at = (pinfo_u16)(at + whole);
    if (at < end) ++at; /* this one cannot be read; its identity stays 0 */
  }
}

struct pinfo_python_walk pinfo_python_frames(struct pinfo_thread* thread) {
  struct pinfo_python_walk walk = {NULL, 0, 0};
  struct python_scratch* scratch = take_scratch(thread);
  if (scratch == NULL || pinfo_python_version() == NULL) return walk;
  const struct pinfo_python_layout* layout = &python.version.walk;
  scratch->page_at = 0;
  pinfo_u64 frame = current_frame(thread, scratch);
  while (walk.count < PINFO_PYTHON_FRAMES_MAX && frame != 0 &&
         read_frame(scratch, frame, layout->frame_bytes)) {
    struct pinfo_python_frame* to = &scratch->frames[walk.count++];
    const int entry = is_entry(scratch->object);
    pinfo_u64 code = word_at(scratch->object, layout->frame_code) & ~PINFO_PYTHON_TAG_BITS;
    if (entry && layout->entry_kind == PINFO_PYTHON_ENTRY_MARKER) code = 0;
    to->code = code;
    to->identity = 0;
    to->instruction = (code != 0 ? instruction_of(scratch->object, code) : 0) |
                      (entry ? PINFO_PYTHON_ENTRY : 0);
    frame = word_at(scratch->object, layout->frame_previous);
  }
  if (frame != 0) walk.flags = PINFO_SAMPLE_PYTHON_CUT;
  identify(scratch, walk.count);
  walk.frames = scratch->frames;
  return walk;
}

void pinfo_python_walked(struct pinfo_thread* thread) { thread->python_walks--; }

pinfo_u32 pinfo_python_name_code(struct pinfo_thread* thread, pinfo_u64 code) {
  const struct pinfo_python_layout* layout = &python.version.walk;
  const unsigned char* bytes = (const unsigned char*)code; /* it lives: the caller holds it */
  const pinfo_u32 identity =
      pinfo_python_identity(word_at(bytes, layout->code_file), word_at(bytes, layout->code_name),
                            int_at(bytes, layout->code_first_line));
  if (pinfo_python_is_named(code, identity)) return identity;
  struct python_scratch* scratch = take_scratch(thread);
  if (scratch != NULL) send_name(&scratch->text, code, identity, bytes);
  pinfo_python_walked(thread);
  return identity;
}

/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What each version of CPython keeps where: 3.8 to 3.14, 64-bit, with the GIL. One function, a
 * version's layout being its predecessor's with some differences. Shared by the collector (which
 * reads interpreters from outside) and the preload shim (from inside); C on wire.h alone.
 *
 * Every figure is an offsetof compiled against the headers of 3.8.18, 3.9.18, 3.10.13, 3.11.2,
 * 3.11.7, 3.12.1, 3.13.0 and 3.14.10 (Include/internal/pycore_frame.h, pycore_interpframe_structs.h,
 * pycore_interp.h, pycore_runtime.h, Include/cpython/pystate.h, code.h, unicodeobject.h). A patch
 * release does not change them, but for those of _PyRuntimeState and PyInterpreterState, which
 * pinfo_python_describe takes from the interpreter itself from 3.13 on.
 */
#ifndef PINFO_BPF_PYTHON_VERSIONS_H
#define PINFO_BPF_PYTHON_VERSIONS_H

#include "python_layout.h"

#define PINFO_PYTHON_OLDEST 0x0308
#define PINFO_PYTHON_NEWEST 0x030e

struct pinfo_python_version {
  struct pinfo_python_layout walk; /* interpreters not yet set */
  pinfo_u64 interpreters;          /* _PyRuntimeState.interpreters.head */
  pinfo_u16 version;               /* the first two bytes of PY_VERSION_HEX: 0x030b is 3.11 */
  pinfo_u16 code_line_table;       /* PyCodeObject.co_linetable; co_lnotab up to 3.9 */
  pinfo_u16 ascii_bytes;    /* sizeof(PyASCIIObject): where the text of ASCII strings begins */
  pinfo_u16 compact_bytes;  /* sizeof(PyCompactUnicodeObject): that of all others */
  pinfo_u16 thread_profile; /* PyThreadState.c_profilefunc */
  pinfo_u16 reserved[3];
};

/* Sets what a known version has; returns 0 for others. */
static inline int pinfo_python_version_of(unsigned version, struct pinfo_python_version *known) {
  struct pinfo_python_layout *walk = &known->walk;

  __builtin_memset(known, 0, sizeof(*known));
  if (version < PINFO_PYTHON_OLDEST || version > PINFO_PYTHON_NEWEST)
    return 0;
  /* 3.8: a frame is a PyFrameObject. */
  known->version = (pinfo_u16)version;
  known->interpreters = 32;
  known->code_line_table = 120;
  known->ascii_bytes = 48;
  known->compact_bytes = 72;
  known->thread_profile = 56;
  walk->interpreter_threads = 8;
  walk->thread_next = 8;
  walk->thread_id = 176;
  walk->thread_frame = 24;
  walk->cframe_frame = PINFO_PYTHON_NO_CFRAME;
  walk->frame_bytes = 112;
  walk->frame_previous = 24;
  walk->frame_code = 32;
  walk->frame_instruction = 104;
  walk->code_first_line = 40;
  walk->code_file = 104;
  walk->code_name = 112;
  walk->entry_kind = PINFO_PYTHON_ENTRY_EACH;
  walk->instruction_kind = PINFO_PYTHON_INSTRUCTION_BYTES;
  if (version >= 0x030a) {
    walk->frame_instruction = 96;
    walk->instruction_kind = PINFO_PYTHON_INSTRUCTION_UNITS;
  }
  if (version >= 0x030b) { /* a frame is a _PyInterpreterFrame; code has a qualified name */
    known->interpreters = 40;
    known->code_line_table = 136;
    known->thread_profile = 64;
    walk->interpreter_threads = 16;
    walk->thread_id = 152;
    walk->thread_frame = 56; /* by way of its _PyCFrame */
    walk->cframe_frame = 8;
    walk->frame_bytes = 80;
    walk->frame_previous = 48;
    walk->frame_instruction = 56;
    walk->frame_entry = 68; /* is_entry */
    walk->code_first_line = 72;
    walk->code_file = 112;
    walk->code_name = 128;
    walk->code_start = 184;
    walk->entry_kind = PINFO_PYTHON_ENTRY_FLAG;
    walk->instruction_kind = PINFO_PYTHON_INSTRUCTION_POINTER;
  }
  if (version >= 0x030c) {
    known->ascii_bytes = 40;
    known->compact_bytes = 56;
    walk->interpreter_threads = 72;
    walk->thread_id = 136;
    walk->cframe_frame = 0;
    walk->frame_code = 0;
    walk->frame_previous = 8;
    walk->frame_entry = 70; /* owner */
    walk->code_first_line = 68;
    walk->code_start = 192;
    walk->entry_kind = PINFO_PYTHON_ENTRY_MARKER;
  }
  if (version >= 0x030d) {
    known->interpreters = 632;
    known->thread_profile = 80;
    walk->interpreter_next = 7264;
    walk->interpreter_threads = 7344;
    walk->thread_id = 152;
    walk->thread_frame = 72;
    walk->cframe_frame = PINFO_PYTHON_NO_CFRAME;
    walk->code_start = 200;
  }
  if (version >= 0x030e) { /* pointers to code are tagged: PINFO_PYTHON_TAG_BITS */
    known->interpreters = 808;
    walk->interpreter_next = 7272;
    walk->frame_entry = 74;
    walk->code_start = 208;
  }
  return 1;
}

/* From 3.13 the interpreter describes itself: struct _Py_DebugOffsets at the start of _PyRuntime
 * (Include/internal/pycore_debug_offsets.h; pycore_runtime.h of 3.13). What lies in its first
 * PINFO_PYTHON_DEBUG_BYTES is the same in both versions. */
#define PINFO_PYTHON_SELF_DESCRIBED 0x030d
#define PINFO_PYTHON_DEBUG_BYTES 80
/* PyInterpreterState is about 200 KB; an offset beyond it is none. */
#define PINFO_PYTHON_INTERPRETER_BYTES_MAX (1u << 20)

enum pinfo_python_description {
  PINFO_PYTHON_DESCRIBED = 0,
  PINFO_PYTHON_NO_DESCRIPTION = 1, /* the cookie is missing */
  PINFO_PYTHON_NO_GIL = 2,         /* a free-threaded build: objects are laid out in another way */
  PINFO_PYTHON_IMPOSSIBLE = 3,     /* offsets that cannot be */
};

/* words: PINFO_PYTHON_DEBUG_BYTES of _PyRuntime. Changes known only where it returns
 * PINFO_PYTHON_DESCRIBED. */
static inline enum pinfo_python_description pinfo_python_describe(
    const pinfo_u64 *words, struct pinfo_python_version *known) {
  const pinfo_u64 cookie = 0x7970677562656478ull; /* "xdebugpy" */
  const pinfo_u64 head = words[5], next = words[8], threads = words[9];

  if (words[0] != cookie)
    return PINFO_PYTHON_NO_DESCRIPTION;
  if (words[2] != 0)
    return PINFO_PYTHON_NO_GIL;
  if (head >= PINFO_PYTHON_INTERPRETER_BYTES_MAX || next >= PINFO_PYTHON_INTERPRETER_BYTES_MAX ||
      threads >= PINFO_PYTHON_INTERPRETER_BYTES_MAX)
    return PINFO_PYTHON_IMPOSSIBLE;
  known->interpreters = head;
  known->walk.interpreter_next = (pinfo_u32)next;
  known->walk.interpreter_threads = (pinfo_u32)threads;
  return PINFO_PYTHON_DESCRIBED;
}

#endif /* PINFO_BPF_PYTHON_VERSIONS_H */

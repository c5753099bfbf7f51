/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Where CPython keeps a thread's frames: filled per process by the collector or the preload shim,
 * followed by the sampling program or the shim's handler. All offsets are in bytes, from the start
 * of the object they are in. python_versions.h has the figures of each version and their sources.
 *
 * C on wire.h alone, for bpf/, preload/ and collector/.
 */
#ifndef PINFO_BPF_PYTHON_LAYOUT_H
#define PINFO_BPF_PYTHON_LAYOUT_H

#include "wire.h"

/* How the outermost Python frame of one call of the native evaluation function is told. */
enum pinfo_python_entry_kind {
  PINFO_PYTHON_ENTRY_EACH = 0,   /* one call evaluates one frame (up to 3.10) */
  PINFO_PYTHON_ENTRY_FLAG = 1,   /* a byte of the frame is not zero (3.11) */
  PINFO_PYTHON_ENTRY_MARKER = 2, /* a frame without code lies behind it: its owner is 3 (3.12) */
};

/* What a frame's instruction field holds. */
enum pinfo_python_instruction_kind {
  PINFO_PYTHON_INSTRUCTION_BYTES = 0,   /* int, offset in bytes (3.8, 3.9) */
  PINFO_PYTHON_INSTRUCTION_UNITS = 1,   /* int, index of a two-byte unit (3.10) */
  PINFO_PYTHON_INSTRUCTION_POINTER = 2, /* pointer into the code object (3.11) */
};

/* enum _frameowner: FRAME_OWNED_BY_CSTACK of 3.12 and 3.13, FRAME_OWNED_BY_INTERPRETER of 3.14. */
#define PINFO_PYTHON_OWNED_BY_C_STACK 3
/* A _PyStackRef's (3.14): not part of the address. Zero in plain pointers. */
#define PINFO_PYTHON_TAG_BITS 3ull

/* No _PyCFrame lies between a thread's state and its frame. */
#define PINFO_PYTHON_NO_CFRAME 0xffff
/* What the program reads of each object at once; every offset below leaves room for its field. */
#define PINFO_PYTHON_THREAD_BYTES 184
#define PINFO_PYTHON_CODE_BYTES 136
#define PINFO_PYTHON_FRAME_BYTES_MAX 112

struct pinfo_python_layout {
  pinfo_u64 interpreters;        /* address of the pointer to the first PyInterpreterState */
  pinfo_u32 interpreter_next;    /* PyInterpreterState.next */
  pinfo_u32 interpreter_threads; /* pointer to its first PyThreadState */
  pinfo_u16 thread_next;         /* PyThreadState.next */
  pinfo_u16 thread_id;           /* pthread_self() of its thread */
  pinfo_u16 thread_frame;        /* pointer to its frame, or to its _PyCFrame */
  pinfo_u16 cframe_frame;        /* _PyCFrame.current_frame, or PINFO_PYTHON_NO_CFRAME */
  pinfo_u16 frame_bytes;         /* of a frame read at once; at most PINFO_PYTHON_FRAME_BYTES_MAX */
  pinfo_u16 frame_code;
  pinfo_u16 frame_previous;
  pinfo_u16 frame_instruction;
  pinfo_u16 frame_entry; /* the byte that entry_kind speaks of */
  pinfo_u16 code_first_line;
  pinfo_u16 code_file;
  pinfo_u16 code_name;
  pinfo_u16 code_start;       /* the first instruction, for PINFO_PYTHON_INSTRUCTION_POINTER */
  pinfo_u8 entry_kind;        /* enum pinfo_python_entry_kind */
  pinfo_u8 instruction_kind;  /* enum pinfo_python_instruction_kind */
  pinfo_u32 reserved;
};

PINFO_ASSERT_SIZE(struct pinfo_python_layout, 48);

/* Tells a code object from another that later lies at its address: file and name are the addresses
 * of its strings. The multiplier is 2^64 / the golden ratio, as Knuth's multiplicative hash. */
static inline __attribute__((always_inline)) pinfo_u32 pinfo_python_identity(pinfo_u64 file,
                                                                             pinfo_u64 name,
                                                                             pinfo_u32 first_line) {
  const pinfo_u64 multiplier = 0x9e3779b97f4a7c15ull;
  pinfo_u64 hash = file * multiplier;

  hash = (hash ^ hash >> 32 ^ name) * multiplier;
  hash = (hash ^ hash >> 32 ^ first_line) * multiplier;
  return (pinfo_u32)(hash >> 32);
}

#endif /* PINFO_BPF_PYTHON_LAYOUT_H */

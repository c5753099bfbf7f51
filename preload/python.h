/* SPDX-License-Identifier: MIT */
/*
 * The Python frames of this process's threads, as samples carry them, and the names of the code
 * objects in them.
 *
 * The interpreter is found by its symbols, outside of signal handlers, when recording begins and
 * after code was loaded. Its frames are walked by the layouts that the BPF programs use. A thread's
 * frames cannot change while it is in our handler, but it may be interrupted anywhere: every read
 * goes through process_vm_readv(2) on ourselves, which refuses where a plain load would end the
 * process. That costs a call for each page of frames and one for all code objects.
 *
 * The names go into the ring from here, before the first sample that needs them: whoever reads the
 * ring may do so when the process is gone, and needs no right to look into it.
 */
#ifndef PINFO_PRELOAD_PYTHON_H
#define PINFO_PRELOAD_PYTHON_H

#include "bpf/python_versions.h"
#include "preload/thread.h"

/* Frames of the thread, innermost first; valid until pinfo_python_walked. */
struct pinfo_python_walk {
  const struct pinfo_python_frame* frames;
  pinfo_u16 count;
  pinfo_u8 flags; /* PINFO_SAMPLE_PYTHON_CUT */
};

/* Looks for an interpreter, unless one has been found, and tells of it. Not for signal handlers.
 * REQUIRES: the ring is active. */
void pinfo_python_look(void);

/* Of the calling thread; none where it runs no Python. For signal handlers too; nests once. Each
 * call is followed by pinfo_python_walked. */
struct pinfo_python_walk pinfo_python_frames(struct pinfo_thread* thread);
void pinfo_python_walked(struct pinfo_thread* thread);

/* The interpreter's layout, NULL where there is none that is known. */
const struct pinfo_python_version* pinfo_python_version(void);

/* The identity of a code object that lives; sends its name where that has not been done. */
pinfo_u32 pinfo_python_name_code(struct pinfo_thread* thread, pinfo_u64 code);
/* Sends a name of other kinds (C functions) for (code, identity), where that has not been done. */
int pinfo_python_is_named(pinfo_u64 code, pinfo_u32 identity);
void pinfo_python_name_other(pinfo_u64 code, pinfo_u32 identity, const char* name);

#endif /* PINFO_PRELOAD_PYTHON_H */

/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Walking the Python frames of the running thread, while it is interrupted and so cannot change
 * them. Everything read is the thread's own memory and believed in nothing: a read that fails or a
 * chain that does not end only ends the walk.
 */
#ifndef PINFO_BPF_PYTHON_H
#define PINFO_BPF_PYTHON_H

#include "python_layout.h"
#include "thread.h"

/* Thread states looked at to find the running thread's, over all interpreters of the process. */
#define PYTHON_THREADS_MAX 256
/* Beyond every offset of the layout, and a mask that keeps them there for the verifier. */
#define PYTHON_WINDOW_MASK 255

/* One object of the interpreter, copied; too large for the stack. */
struct python_window {
  pinfo_u8 bytes[PYTHON_WINDOW_MASK + 1 + 8];
};

/* Followed processes with an interpreter that the collector knows, by thread group id. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 65536);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, pinfo_u32);
  __type(value, struct pinfo_python_layout);
} python_layouts SEC(".maps");

static __always_inline pinfo_u64 python_word(const struct python_window *window, pinfo_u16 offset) {
  return *(const pinfo_u64 *)(window->bytes + (offset & PYTHON_WINDOW_MASK));
}

static __always_inline pinfo_u32 python_int(const struct python_window *window, pinfo_u16 offset) {
  return *(const pinfo_u32 *)(window->bytes + (offset & PYTHON_WINDOW_MASK));
}

static __always_inline pinfo_u8 python_byte(const struct python_window *window, pinfo_u16 offset) {
  return window->bytes[offset & PYTHON_WINDOW_MASK];
}

/* The innermost frame of the thread whose state is at address; 0 where that is not the running
 * thread's state or it runs no Python. Leaves the state in window. */
static __always_inline pinfo_u64 python_frame_of(const struct pinfo_python_layout *layout,
                                                 struct python_window *window, pinfo_u64 address,
                                                 pinfo_u64 thread_pointer) {
  pinfo_u64 frame;

  if (bpf_probe_read_user(window->bytes, PINFO_PYTHON_THREAD_BYTES, (void *)address)) {
    __builtin_memset(window->bytes, 0, PINFO_PYTHON_THREAD_BYTES);
    return 0;
  }
  if (python_word(window, layout->thread_id) != thread_pointer)
    return 0;
  frame = python_word(window, layout->thread_frame);
  if (layout->cframe_frame != PINFO_PYTHON_NO_CFRAME &&
      bpf_probe_read_user(&frame, sizeof(frame), (void *)(frame + layout->cframe_frame)))
    return 0;
  return frame;
}

/* The running thread's innermost frame. Remembers the thread's state, which is checked at every use
 * because the interpreter may free it. A thread can have a state in several interpreters; the one
 * with frames is active. */
static __always_inline pinfo_u64 python_current_frame(const struct pinfo_python_layout *layout,
                                                      struct python_window *window,
                                                      struct thread_state *thread,
                                                      pinfo_u64 thread_pointer) {
  pinfo_u64 interpreter, state = 0, frame;

  if (thread->python_state) {
    frame = python_frame_of(layout, window, thread->python_state, thread_pointer);
    if (frame)
      return frame;
  }
  if (bpf_probe_read_user(&interpreter, sizeof(interpreter), (void *)layout->interpreters))
    return 0;
  for (int i = 0; i < PYTHON_THREADS_MAX; i++) {
    if (!state) {
      if (!interpreter ||
          bpf_probe_read_user(&state, sizeof(state),
                              (void *)(interpreter + layout->interpreter_threads)) ||
          bpf_probe_read_user(&interpreter, sizeof(interpreter),
                              (void *)(interpreter + layout->interpreter_next)))
        return 0;
      continue;
    }
    frame = python_frame_of(layout, window, state, thread_pointer);
    if (frame) {
      thread->python_state = state;
      return frame;
    }
    state = python_word(window, layout->thread_next);
  }
  return 0;
}

static __always_inline pinfo_u32 python_instruction(const struct pinfo_python_layout *layout,
                                                    const struct python_window *window,
                                                    pinfo_u64 code) {
  pinfo_u64 offset;

  switch (layout->instruction_kind) {
    case PINFO_PYTHON_INSTRUCTION_BYTES:
      offset = python_int(window, layout->frame_instruction);
      break;
    case PINFO_PYTHON_INSTRUCTION_UNITS:
      offset = (pinfo_u64)python_int(window, layout->frame_instruction) * 2;
      break;
    default:
      offset = python_word(window, layout->frame_instruction) - code - layout->code_start;
      break;
  }
  /* Before its first instruction a frame's offset is -1 in every encoding. */
  return offset < PINFO_PYTHON_NOT_STARTED ? (pinfo_u32)offset : PINFO_PYTHON_NOT_STARTED;
}

static __always_inline bool python_is_entry(const struct pinfo_python_layout *layout,
                                            const struct python_window *window) {
  if (layout->entry_kind == PINFO_PYTHON_ENTRY_EACH)
    return true;
  if (layout->entry_kind == PINFO_PYTHON_ENTRY_FLAG)
    return python_byte(window, layout->frame_entry) != 0;
  return python_byte(window, layout->frame_entry) == PINFO_PYTHON_OWNED_BY_C_STACK;
}

/* Writes the running thread's frames, innermost first, and returns how many. */
static __always_inline pinfo_u16 copy_python_frames(struct pinfo_python_frame *to,
                                                    const struct pinfo_python_layout *layout,
                                                    struct python_window *window,
                                                    struct thread_state *thread,
                                                    pinfo_u64 thread_pointer, pinfo_u8 *flags) {
  pinfo_u64 frame = python_current_frame(layout, window, thread, thread_pointer);
  pinfo_u32 frame_bytes = layout->frame_bytes;
  pinfo_u16 count = 0;

  if (frame_bytes > PINFO_PYTHON_FRAME_BYTES_MAX)
    return 0;
  for (int i = 0; i < PINFO_PYTHON_FRAMES_MAX; i++) {
    pinfo_u64 code;
    bool entry;

    if (!frame || bpf_probe_read_user(window->bytes, frame_bytes, (void *)frame))
      break;
    code = python_word(window, layout->frame_code) & ~PINFO_PYTHON_TAG_BITS;
    entry = python_is_entry(layout, window);
    if (entry && layout->entry_kind == PINFO_PYTHON_ENTRY_MARKER)
      code = 0;
    to[i].instruction = code ? python_instruction(layout, window, code) : 0;
    if (entry)
      to[i].instruction |= PINFO_PYTHON_ENTRY;
    to[i].code = code;
    to[i].identity = 0;
    frame = python_word(window, layout->frame_previous);
    if (code && !bpf_probe_read_user(window->bytes, PINFO_PYTHON_CODE_BYTES, (void *)code))
      to[i].identity = pinfo_python_identity(python_word(window, layout->code_file),
                                             python_word(window, layout->code_name),
                                             python_int(window, layout->code_first_line));
    count = i + 1;
  }
  if (frame)
    *flags |= PINFO_SAMPLE_PYTHON_CUT;
  return count;
}

/* A child of fork has its parent's memory, hence its interpreter too. */
static __always_inline void python_inherit(pinfo_u32 parent, pinfo_u32 child) {
  struct pinfo_python_layout *layout = bpf_map_lookup_elem(&python_layouts, &parent);

  if (layout)
    bpf_map_update_elem(&python_layouts, &child, layout, BPF_ANY);
}

static __always_inline void python_forget(pinfo_u32 pid) {
  bpf_map_delete_elem(&python_layouts, &pid);
}

#endif /* PINFO_BPF_PYTHON_H */

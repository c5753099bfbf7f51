/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Copying a thread's user registers and the used part of its stack into a sample record, and
 * its Python frames where it has any. */
#ifndef PINFO_BPF_SAMPLE_H
#define PINFO_BPF_SAMPLE_H

#include "python.h"
#include "thread.h"

#define STACK_STEP 1024
/* Copied of a stack whose end is not known (a coroutine's): most of it may be nobody's. */
#define UNKNOWN_STACK_MAX 32768

/* The kernel's part of a stack, before it is known where in the record it goes. */
struct kernel_stack {
  pinfo_u64 addresses[PINFO_KERNEL_FRAMES_MAX];
};

/* context: the program's. Returns the number of addresses. */
static __always_inline pinfo_u32 read_kernel_stack(void *context, struct kernel_stack *kernel) {
  const long bytes = bpf_get_stack(context, kernel->addresses, sizeof(kernel->addresses), 0);

  return bytes > 0 ? (pinfo_u32)bytes / sizeof(pinfo_u64) : 0;
}

/* to: a place with room for all. */
static __always_inline void append_kernel_stack(pinfo_u8 *to, const struct kernel_stack *kernel,
                                                pinfo_u32 count) {
  for (pinfo_u32 i = 0; i < PINFO_KERNEL_FRAMES_MAX; i++) {
    if (i >= count)
      break;
    *(pinfo_u64 *)(to + i * sizeof(pinfo_u64)) = kernel->addresses[i];
  }
}

/* A record is put together here because its size is known only when its stack has been read. One
 * per CPU (key) is enough: the sampling program runs in the timer interrupt and is not nested. A
 * per-CPU map would refuse a value beyond 32 KB (PCPU_MIN_UNIT_SIZE). */
struct sample_buffer {
  struct pinfo_sample sample;
  pinfo_u8 stack[PINFO_STACK_MAX];
  struct pinfo_python_frame room_for_frames[PINFO_PYTHON_FRAMES_MAX]; /* they follow the stack */
  pinfo_u64 room_for_kernel[PINFO_KERNEL_FRAMES_MAX];                 /* and these the frames */
  struct python_window window; /* this and the next: no part of the record */
  struct kernel_stack kernel;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1); /* the number of CPUs, set by the loader */
  __type(key, pinfo_u32);
  __type(value, struct sample_buffer);
} sample_scratch SEC(".maps");

/* The part of a stack that is to be copied. */
struct stack_extent {
  pinfo_u32 bytes;
  bool known; /* all of it is the stack's: what is not mapped there was never written to */
};

/* What is in use above sp, at most limit bytes: up to the thread control block for a thread of
 * glibc, up to the environment for the main thread, else unknown. */
static __always_inline struct stack_extent stack_in_use(struct task_struct *task, pinfo_u64 sp,
                                                        pinfo_u32 limit, pinfo_u8 *flags) {
  const pinfo_u64 thread_pointer = ARCH_THREAD_POINTER(task);
  const pinfo_u64 start_stack = BPF_CORE_READ(task, mm, start_stack);
  struct stack_extent extent = {.bytes = limit, .known = true};
  pinfo_u64 used;

  if (sp <= start_stack && start_stack - sp < (64 << 20))
    used = start_stack - sp + 64; /* argc and the first words of argv: _start's frame lies there */
  else if (sp < thread_pointer && thread_pointer - sp < (64 << 20))
    used = thread_pointer - sp;
  else {
    extent.known = false;
    if (extent.bytes > UNKNOWN_STACK_MAX)
      extent.bytes = UNKNOWN_STACK_MAX;
    return extent;
  }
  if (used > limit)
    *flags |= PINFO_SAMPLE_TRUNCATED;
  else
    extent.bytes = used;
  return extent;
}

/* Copies in steps that cross no page. Large arrays that a function has hardly used leave pages in
 * the midst of a stack that were never touched: nothing is there, and the helper writes the zeros
 * that the thread itself would read. room: bytes at `to`, a constant. Returns the bytes copied. */
static __always_inline pinfo_u32 copy_stack(pinfo_u8 *to, pinfo_u64 sp,
                                            const struct stack_extent *extent, pinfo_u32 room) {
  pinfo_u32 copied = STACK_STEP - (sp & (STACK_STEP - 1));

  if (bpf_probe_read_user(to, copied, (void *)sp))
    return 0;
  for (pinfo_u32 i = 1; i < room / STACK_STEP; i++) {
    if (copied >= extent->bytes || copied > room - STACK_STEP)
      break;
    if (bpf_probe_read_user(to + copied, STACK_STEP, (void *)(sp + copied)) && !extent->known)
      break;
    copied += STACK_STEP;
  }
  return copied < extent->bytes ? copied : extent->bytes;
}

/* Appends the Python frames behind the stack. A function of its own to the verifier (neither static
 * nor inlined): checked once, and not for each of the many ways in which copy_stack can end. */
__attribute__((noinline)) int add_python_frames(pinfo_u32 cpu) {
  struct task_struct *task = bpf_get_current_task_btf();
  const pinfo_u32 pid = task->tgid;
  struct pinfo_python_layout *layout = bpf_map_lookup_elem(&python_layouts, &pid);
  struct sample_buffer *buffer;
  struct thread_state *thread;
  pinfo_u32 stack_bytes;

  if (!layout)
    return 0;
  buffer = bpf_map_lookup_elem(&sample_scratch, &cpu);
  if (!buffer)
    return 0;
  stack_bytes = buffer->sample.stack_bytes;
  thread = bpf_task_storage_get(&threads, task, 0, 0);
  if (!thread || stack_bytes > PINFO_STACK_MAX)
    return 0;
  return copy_python_frames((struct pinfo_python_frame *)(buffer->stack + stack_bytes), layout,
                            &buffer->window, thread, ARCH_THREAD_POINTER(task),
                            &buffer->sample.flags);
}

/* The same with the kernel's part of the stack, behind the Python frames. */
__attribute__((noinline)) int add_kernel_frames(pinfo_u32 cpu) {
  struct sample_buffer *buffer = bpf_map_lookup_elem(&sample_scratch, &cpu);
  pinfo_u32 at;

  if (!buffer)
    return 0;
  at = buffer->sample.stack_bytes +
       buffer->sample.python_frames * sizeof(struct pinfo_python_frame);
  if (at > PINFO_STACK_MAX + PINFO_PYTHON_FRAMES_MAX * sizeof(struct pinfo_python_frame))
    return 0;
  append_kernel_stack(buffer->stack + at, &buffer->kernel, buffer->sample.kernel_frames);
  return 0;
}

static __always_inline void send_sample(void *context, struct thread_state *thread,
                                        const struct pt_regs *regs,
                                        bool in_kernel, pinfo_u64 now, pinfo_u8 kind,
                                        pinfo_u64 duration_ns) {
  struct task_struct *task = bpf_get_current_task_btf();
  const pinfo_u32 cpu = bpf_get_smp_processor_id();
  struct sample_buffer *buffer = bpf_map_lookup_elem(&sample_scratch, &cpu);
  struct pinfo_sample *sample;
  struct stack_extent extent;
  pinfo_u32 size;

  if (!buffer)
    return;
  sample = &buffer->sample;
  sample->flags = in_kernel ? PINFO_SAMPLE_IN_KERNEL : 0;
  if (in_kernel && ARCH_IN_SYSCALL(regs))
    sample->flags |= PINFO_SAMPLE_IN_SYSCALL;
  arch_copy_registers(sample->registers, regs);
  extent = stack_in_use(task, sample->registers[PINFO_REGISTER_RSP], knob_stack_bytes,
                        &sample->flags);
  sample->stack_bytes =
      copy_stack(buffer->stack, sample->registers[PINFO_REGISTER_RSP], &extent, PINFO_STACK_MAX);
  if (!sample->stack_bytes)
    count_loss(PINFO_LOSS_STACK_READ);
  else if (sample->stack_bytes < extent.bytes)
    sample->flags |= PINFO_SAMPLE_TRUNCATED;
  sample->connection = thread->connection;
  sample->turn = thread->turn;
  sample->duration_ns = duration_ns;
  sample->weight = 1;
  sample->kind = kind;
  sample->python_frames = 0;
  if (knob_python)
    sample->python_frames = add_python_frames(cpu) & (2 * PINFO_PYTHON_FRAMES_MAX - 1);
  sample->kernel_frames = 0;
  if (knob_kernel_stacks && in_kernel) {
    sample->kernel_frames = read_kernel_stack(context, &buffer->kernel);
    add_kernel_frames(cpu);
  }
  size = sizeof(*sample) + sample->stack_bytes +
         sample->python_frames * sizeof(struct pinfo_python_frame) +
         sample->kernel_frames * sizeof(pinfo_u64);
  fill_header(&sample->header, PINFO_RECORD_SAMPLE, size, now);
  if (size > __builtin_offsetof(struct sample_buffer, window))
    return;
  if (bpf_ringbuf_output(&sample_ring, buffer, size, BPF_RB_NO_WAKEUP))
    count_loss(PINFO_LOSS_RING_SAMPLE);
}

#endif /* PINFO_BPF_SAMPLE_H */

/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Where a request waits: the stack of a thread that blocks while it handles a turn.
 *
 * A thread's user stack, and its interpreter's frames, cannot change while it is off the CPU; but
 * only at the switch away from it is its memory there to be read. So registers, stack and frames are
 * copied then, into a slot that is the thread's while it is blocked, and become a SAMPLE record at
 * the switch back if that came late enough to matter. A thread without a turn, or one that has
 * answered and waits for input, costs nothing.
 */
#ifndef PINFO_BPF_OFFCPU_H
#define PINFO_BPF_OFFCPU_H

#include "sample.h"
#include "segment.h"

/* Slots are kept in memory all the time, so they come in two sizes: few stacks are deep. */
#define BLOCKED_STACK_SMALL 16384

struct blocked_sample {
  struct pinfo_sample sample;
  pinfo_u8 stack[BLOCKED_STACK_SMALL];
  struct pinfo_python_frame room_for_frames[PINFO_PYTHON_FRAMES_MAX]; /* they follow the stack */
  pinfo_u64 room_for_kernel[PINFO_KERNEL_FRAMES_MAX];                 /* and these the frames */
  struct python_window window; /* this and the next: no part of the record */
  struct kernel_stack kernel;
};

/* Threads blocked at one time whose stacks are kept; those whose stacks may be deeper. */
#define BLOCKED_SLOTS 512
#define DEEP_BLOCKED_SLOTS 128

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, BLOCKED_SLOTS);
  __type(key, pinfo_u32);
  __type(value, struct blocked_sample);
} blocked_samples SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, DEEP_BLOCKED_SLOTS);
  __type(key, pinfo_u32);
  __type(value, struct sample_buffer);
} deep_blocked_samples SEC(".maps");

/* Indexes of the slots not in use; filled by the loader. */
struct {
  __uint(type, BPF_MAP_TYPE_STACK);
  __uint(max_entries, BLOCKED_SLOTS);
  __type(value, pinfo_u32);
} free_blocked_slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_STACK);
  __uint(max_entries, DEEP_BLOCKED_SLOTS);
  __type(value, pinfo_u32);
} free_deep_blocked_slots SEC(".maps");

/* What may be sent, by CPU. Waits shorter than min_ns go without: the bound follows the load. */
struct blocked_budget {
  pinfo_u64 window_ns; /* when the window under way began */
  pinfo_u64 min_ns;
  pinfo_u32 seen; /* in this window */
  pinfo_u32 reserved;
};

#define BLOCKED_WINDOW_NS 100000000ull
#define BLOCKED_A_WINDOW 100

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, pinfo_u32);
  __type(value, struct blocked_budget);
} blocked_budgets SEC(".maps");

/* For each size of slot, functions of their own to the verifier; see add_python_frames. ROOM: bytes
 * of stack in a slot. */
#define BLOCKED_FUNCTIONS(KIND, SLOTS, TYPE, ROOM)                                                 \
  __attribute__((noinline)) int copy_##KIND##_stack(pinfo_u32 slot) {                              \
    struct task_struct *task = bpf_get_current_task_btf();                                         \
    const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(task);                   \
    struct TYPE *blocked = bpf_map_lookup_elem(&SLOTS, &slot);                                     \
    struct pinfo_sample *sample;                                                                   \
    struct stack_extent extent;                                                                    \
                                                                                                   \
    if (!blocked)                                                                                  \
      return 0;                                                                                    \
    sample = &blocked->sample;                                                                     \
    sample->flags = PINFO_SAMPLE_IN_KERNEL;                                                        \
    if (ARCH_IN_SYSCALL(regs))                                                                     \
      sample->flags |= PINFO_SAMPLE_IN_SYSCALL;                                                    \
    arch_copy_registers(sample->registers, regs);                                                  \
    extent = stack_in_use(task, sample->registers[PINFO_REGISTER_RSP], ROOM, &sample->flags);      \
    sample->stack_bytes =                                                                          \
        copy_stack(blocked->stack, sample->registers[PINFO_REGISTER_RSP], &extent, ROOM);          \
    if (sample->stack_bytes < extent.bytes)                                                        \
      sample->flags |= PINFO_SAMPLE_TRUNCATED;                                                     \
    return 0;                                                                                      \
  }                                                                                                \
                                                                                                   \
  __attribute__((noinline)) int add_##KIND##_python(pinfo_u32 slot) {                              \
    struct task_struct *task = bpf_get_current_task_btf();                                         \
    const pinfo_u32 pid = task->tgid;                                                              \
    struct pinfo_python_layout *layout = bpf_map_lookup_elem(&python_layouts, &pid);               \
    struct TYPE *blocked;                                                                          \
    struct thread_state *thread;                                                                   \
    pinfo_u32 stack_bytes;                                                                         \
                                                                                                   \
    if (!layout)                                                                                   \
      return 0;                                                                                    \
    blocked = bpf_map_lookup_elem(&SLOTS, &slot);                                                  \
    if (!blocked)                                                                                  \
      return 0;                                                                                    \
    stack_bytes = blocked->sample.stack_bytes;                                                     \
    thread = bpf_task_storage_get(&threads, task, 0, 0);                                           \
    if (!thread || stack_bytes > ROOM)                                                             \
      return 0;                                                                                    \
    return copy_python_frames((struct pinfo_python_frame *)(blocked->stack + stack_bytes), layout, \
                              &blocked->window, thread, ARCH_THREAD_POINTER(task),                 \
                              &blocked->sample.flags);                                             \
  }                                                                                                \
                                                                                                   \
  __attribute__((noinline)) int add_##KIND##_kernel(pinfo_u32 slot) {                              \
    struct TYPE *blocked = bpf_map_lookup_elem(&SLOTS, &slot);                                     \
    pinfo_u32 at;                                                                                  \
                                                                                                   \
    if (!blocked)                                                                                  \
      return 0;                                                                                    \
    at = blocked->sample.stack_bytes +                                                             \
         blocked->sample.python_frames * sizeof(struct pinfo_python_frame);                        \
    if (at > ROOM + PINFO_PYTHON_FRAMES_MAX * sizeof(struct pinfo_python_frame))                   \
      return 0;                                                                                    \
    append_kernel_stack(blocked->stack + at, &blocked->kernel, blocked->sample.kernel_frames);     \
    return 0;                                                                                      \
  }                                                                                                \
                                                                                                   \
  /* The running thread, which handles a turn, blocks. context: the program's. */                  \
  static __always_inline void fill_##KIND(void *context, const struct thread_state *thread,        \
                                          pinfo_u32 slot) {                                        \
    const pinfo_u64 pid_tgid = bpf_get_current_pid_tgid();                                         \
    struct TYPE *blocked = bpf_map_lookup_elem(&SLOTS, &slot);                                     \
    struct pinfo_sample *sample;                                                                   \
                                                                                                   \
    if (!blocked)                                                                                  \
      return;                                                                                      \
    copy_##KIND##_stack(slot);                                                                     \
    sample = &blocked->sample;                                                                     \
    sample->python_frames = 0;                                                                     \
    if (knob_python)                                                                               \
      sample->python_frames = add_##KIND##_python(slot) & (2 * PINFO_PYTHON_FRAMES_MAX - 1);       \
    sample->kernel_frames = 0;                                                                     \
    if (knob_kernel_stacks) {                                                                      \
      sample->kernel_frames = read_kernel_stack(context, &blocked->kernel);                        \
      add_##KIND##_kernel(slot);                                                                   \
    }                                                                                              \
    sample->connection = thread->connection;                                                       \
    sample->turn = thread->turn;                                                                   \
    sample->weight = 1;                                                                            \
    sample->kind = PINFO_SAMPLE_BLOCKED;                                                           \
    sample->header.type = PINFO_RECORD_SAMPLE;                                                     \
    sample->header.reserved = 0;                                                                   \
    sample->header.pid = pid_tgid >> 32;                                                           \
    sample->header.tid = (pinfo_u32)pid_tgid;                                                      \
  }                                                                                                \
                                                                                                   \
  static __always_inline void output_##KIND(pinfo_u32 slot, pinfo_u64 blocked_ns, pinfo_u64 now) { \
    struct TYPE *blocked = bpf_map_lookup_elem(&SLOTS, &slot);                                     \
    struct pinfo_sample *sample;                                                                   \
    pinfo_u32 size;                                                                                \
                                                                                                   \
    if (!blocked)                                                                                  \
      return;                                                                                      \
    sample = &blocked->sample;                                                                     \
    size = sizeof(*sample) + sample->stack_bytes +                                                 \
            sample->python_frames * sizeof(struct pinfo_python_frame) +                            \
            sample->kernel_frames * sizeof(pinfo_u64);                                             \
    sample->header.size = size;                                                                    \
    sample->header.time_ns = now;                                                                  \
    sample->duration_ns = blocked_ns;                                                              \
    if (!sample->stack_bytes)                                                                      \
      count_loss(PINFO_LOSS_STACK_READ);                                                           \
    if (size <= __builtin_offsetof(struct TYPE, window) &&                                         \
        bpf_ringbuf_output(&sample_ring, blocked, size, BPF_RB_NO_WAKEUP))                         \
      count_loss(PINFO_LOSS_RING_SAMPLE);                                                          \
  }

BLOCKED_FUNCTIONS(small, blocked_samples, blocked_sample, BLOCKED_STACK_SMALL)
BLOCKED_FUNCTIONS(deep, deep_blocked_samples, sample_buffer, PINFO_STACK_MAX)

/* The running thread, which handles a turn, blocks. context: the program's. Where there is no slot
 * for a deep stack, its innermost part is kept. */
static __always_inline void capture_blocked(void *context, struct thread_state *thread) {
  struct task_struct *task = bpf_get_current_task_btf();
  const struct pt_regs *regs = (const struct pt_regs *)bpf_task_pt_regs(task);
  pinfo_u8 flags = 0;
  const struct stack_extent extent =
      stack_in_use(task, ARCH_STACK_POINTER(regs), BLOCKED_STACK_SMALL, &flags);
  pinfo_u32 slot;

  if ((flags & PINFO_SAMPLE_TRUNCATED || !extent.known) &&
      !bpf_map_pop_elem(&free_deep_blocked_slots, &slot)) {
    thread->blocked_slot = BLOCKED_SLOTS + slot + 1;
    fill_deep(context, thread, slot);
  } else if (!bpf_map_pop_elem(&free_blocked_slots, &slot)) {
    thread->blocked_slot = slot + 1;
    fill_small(context, thread, slot);
  } else {
    count_loss(PINFO_LOSS_BLOCKED_RATE);
  }
}

/* Keeps the samples of a CPU to about BLOCKED_A_WINDOW a window by raising the shortest wait that
 * is worth one: what is left out is the shortest. */
static __always_inline bool worth_a_sample(pinfo_u64 blocked_ns, pinfo_u64 now) {
  const pinfo_u32 zero = 0;
  struct blocked_budget *budget = bpf_map_lookup_elem(&blocked_budgets, &zero);

  if (!budget || blocked_ns < knob_off_cpu_min_ns)
    return false;
  if (now - budget->window_ns >= BLOCKED_WINDOW_NS) {
    if (budget->seen < BLOCKED_A_WINDOW / 2)
      budget->min_ns /= 2;
    budget->window_ns = now;
    budget->seen = 0;
  }
  if (blocked_ns >= budget->min_ns) {
    budget->seen += 1;
    if (budget->seen <= BLOCKED_A_WINDOW)
      return true;
    if (budget->min_ns < knob_off_cpu_min_ns)
      budget->min_ns = knob_off_cpu_min_ns;
    budget->min_ns *= 2;
    budget->seen = BLOCKED_A_WINDOW / 2;
  }
  count_loss(PINFO_LOSS_BLOCKED_RATE);
  return false;
}

/* The thread, which the running one may not be, runs again; after thread_enter. */
static __always_inline void send_blocked(struct thread_state *thread, pinfo_u64 now) {
  const pinfo_u64 blocked_ns = thread->spent.blocked_ns - thread->blocked_before_ns;
  pinfo_u32 slot = thread->blocked_slot - 1;

  thread->blocked_slot = 0;
  if (slot < BLOCKED_SLOTS) {
    if (worth_a_sample(blocked_ns, now))
      output_small(slot, blocked_ns, now);
    bpf_map_push_elem(&free_blocked_slots, &slot, BPF_ANY);
    return;
  }
  slot -= BLOCKED_SLOTS;
  if (worth_a_sample(blocked_ns, now))
    output_deep(slot, blocked_ns, now);
  bpf_map_push_elem(&free_deep_blocked_slots, &slot, BPF_ANY);
}

/* Whether a wait that begins now may be a part of the turn. After the answer a wait for input is
 * the wait for the next request. */
static __always_inline bool wait_is_the_turns(const struct thread_state *thread) {
  return thread->connection && !(thread->answered && thread->blocked_call == BLOCKED_INPUT);
}

#endif /* PINFO_BPF_OFFCPU_H */

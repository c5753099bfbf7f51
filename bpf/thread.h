/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Per-thread state: which threads are followed, where their time goes, and the response that each
 * is writing. on-CPU + blocked + runqueue of a thread grows exactly as the clock does, because
 * every moment belongs to the state entered last.
 */
#ifndef PINFO_BPF_THREAD_H
#define PINFO_BPF_THREAD_H

#include "state.h"

static __always_inline bool is_followed(pinfo_u32 tgid) {
  return tgid != knob_own_pid && bpf_map_lookup_elem(&followed, &tgid) != NULL;
}

/* State of a task that is known to be followed, else NULL: one load for every other task. */
static __always_inline struct thread_state *known_thread(struct task_struct *task) {
  return task->bpf_storage ? bpf_task_storage_get(&threads, task, 0, 0) : NULL;
}

/* State of the running thread if its process is followed, else NULL. Costs one storage look-up for
 * a followed thread, and a hash look-up more for every other. */
static __always_inline struct thread_state *current_thread(void) {
  struct task_struct *task = bpf_get_current_task_btf();
  struct thread_state *thread = known_thread(task);

  if (thread)
    return thread;
  if (!is_followed(task->tgid))
    return NULL;
  thread = bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!thread) {
    count_loss(PINFO_LOSS_THREAD_MAP);
    return NULL;
  }
  thread->since_ns = bpf_ktime_get_ns();
  thread->run_state = THREAD_RUNNING;
  return thread;
}

/* The time of a running thread up to now. */
static __always_inline void thread_spent(const struct thread_state *thread, pinfo_u64 now,
                                         struct pinfo_thread_time *spent) {
  *spent = thread->spent;
  if (now > thread->since_ns)
    spent->on_cpu_ns += now - thread->since_ns;
}

/* Ends the run state that the thread is in and enters the next. */
static __always_inline void thread_enter(struct thread_state *thread, pinfo_u64 now,
                                         pinfo_u8 next) {
  const pinfo_u64 passed = now > thread->since_ns ? now - thread->since_ns : 0;

  if (thread->run_state == THREAD_RUNNING)
    thread->spent.on_cpu_ns += passed;
  else if (thread->run_state == THREAD_RUNNABLE)
    thread->spent.runqueue_ns += passed;
  else
    thread->spent.blocked_ns += passed;
  thread->since_ns += passed;
  thread->run_state = next;
}

/* Hands on only the request's beginning, or only the response. Rare beside whole exchanges. */
static __always_inline void flush_part(struct thread_state *thread, pinfo_u8 held) {
  const struct pinfo_exchange *exchange = &thread->held.exchange;
  const bool request = held == PINFO_HELD_REQUEST;
  /* The response's bytes lie behind the request's, also where a sample has just told of those. */
  pinfo_u32 from = request ? 0 : exchange->captured;
  pinfo_u32 length = request ? exchange->captured : exchange->response_captured;
  struct {
    union {
      struct pinfo_received received;
      struct pinfo_response response;
    };
    pinfo_u8 bytes[512];
  } *record;
  _Static_assert(sizeof(struct pinfo_received) == sizeof(struct pinfo_response), "one size");
  _Static_assert(PINFO_EXCHANGE_CAPTURE_MAX == 512 && PINFO_RESPONSE_CAPTURE_MAX == 512, "both");

  record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) {
    count_loss(request ? PINFO_LOSS_RING_RECEIVED : PINFO_LOSS_RING_RESPONSE);
    return;
  }
  if (request)
    pinfo_exchange_to_received(exchange, &record->received);
  else
    pinfo_exchange_to_response(exchange, thread->begin_tid, &record->response);
  /* The verifier needs the bounds; the producer keeps them. */
  if (length > sizeof(record->bytes))
    length = sizeof(record->bytes);
  if (from > PINFO_EXCHANGE_CAPTURE_MAX)
    from = PINFO_EXCHANGE_CAPTURE_MAX;
  bpf_probe_read_kernel(record->bytes, length, thread->held.bytes + from);
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* Hands on what the thread holds, if anything. */
static __always_inline void thread_flush(struct thread_state *thread) {
  struct pinfo_exchange *exchange = &thread->held.exchange;
  const pinfo_u8 held = thread->held_state;
  pinfo_u32 size;

  if (held == PINFO_HELD_NONE)
    return;
  thread->held_state = PINFO_HELD_NONE;
  if (held != PINFO_HELD_BOTH) {
    flush_part(thread, held);
    return;
  }
  size = sizeof(*exchange) + exchange->captured + exchange->response_captured;
  if (size > sizeof(struct held_exchange))
    return;
  exchange->header.size = size;
  if (bpf_ringbuf_output(&ring, &thread->held, size, BPF_RB_NO_WAKEUP))
    count_loss(PINFO_LOSS_RING_RECEIVED);
}

#endif /* PINFO_BPF_THREAD_H */

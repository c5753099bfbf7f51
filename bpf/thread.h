/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Per-thread state: which threads are followed, where their time goes, and what each has not told
 * yet. on-CPU + blocked + runqueue of a thread grows exactly as the clock does, because
 * every moment belongs to the state entered last.
 */
#ifndef PINFO_BPF_THREAD_H
#define PINFO_BPF_THREAD_H

#include "state.h"

static __always_inline bool is_followed(pinfo_u32 tgid) {
  return followed_hints[tgid & (FOLLOWED_HINTS - 1)] && tgid != knob_own_pid &&
         bpf_map_lookup_elem(&followed, &tgid) != NULL;
}

/* State of a task that is known to be followed, else NULL: one load for most others. */
static __always_inline struct thread_state *known_thread(struct task_struct *task) {
  return task->bpf_storage ? bpf_task_storage_get(&threads, task, 0, 0) : NULL;
}

/* Which thread it is. Again at exec: a thread that is not its process's first becomes that one. */
static __always_inline void thread_is(struct thread_state *thread, struct task_struct *task) {
  thread->pid = task->tgid;
  thread->tid = task->pid;
}

/* State of the running thread if its process is followed, else NULL. Costs one storage look-up for
 * a followed thread, and a few loads for nearly every other. */
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
  thread_is(thread, task);
  thread->since_ns = bpf_ktime_get_ns();
  thread->loose_ns = thread->since_ns;
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

/* Tells of the thread's time on its turn, from thread->segment_ns to end. who: pid and tid. */
static __always_inline void send_segment(const struct thread_state *thread,
                                         const struct pinfo_header *who, pinfo_u64 end,
                                         const struct pinfo_thread_time *spent) {
  struct pinfo_segment *record;

  if (end <= thread->segment_ns)
    return;
  record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) {
    count_loss(PINFO_LOSS_RING_RESPONSE);
    return;
  }
  record->header.size = sizeof(*record);
  record->header.type = PINFO_RECORD_SEGMENT;
  record->header.reserved = 0;
  record->header.pid = who->pid;
  record->header.tid = who->tid;
  record->header.time_ns = end;
  record->connection = thread->connection;
  record->begin_ns = thread->segment_ns;
  record->end_ns = end;
  record->spent = *spent;
  record->turn = thread->turn;
  record->flags = thread->claim == CLAIM_ADOPTED ? PINFO_SEGMENT_ADOPTED : 0;
  record->reserved[0] = record->reserved[1] = record->reserved[2] = 0;
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* The request and its response as one record. False: they must be two. */
static __always_inline bool send_exchange(struct thread_state *thread) {
  struct pinfo_response *response = &thread->pending.response;
  const pinfo_u32 request_size = thread->request.received.header.size;
  const pinfo_u32 captured = response->captured;
  pinfo_u32 size;

  if (!(response->flags & PINFO_RESPONSE_TIMES_VALID))
    return false; /* a SEGMENT belongs between */
  /* The verifier needs the bounds; the producer keeps them. */
  if (captured > PINFO_RESPONSE_CAPTURE_MAX || request_size < sizeof(struct pinfo_received) ||
      request_size > sizeof(struct held_request))
    return false;
  if (bpf_probe_read_kernel(thread->pending.bytes + captured, request_size, &thread->request))
    return false;
  size = sizeof(*response) + captured + request_size;
  if (size > sizeof(struct pending_response))
    return false;
  response->header.size = size;
  response->header.type = PINFO_RECORD_EXCHANGE;
  if (bpf_ringbuf_output(&ring, &thread->pending, size, BPF_RB_NO_WAKEUP))
    count_loss(PINFO_LOSS_RING_RECEIVED);
  return true;
}

/* Not static: verified once and by itself, not at each of the many places that call it. */
__noinline int send_held(struct thread_state *thread) {
  struct pinfo_response *response;
  pinfo_u32 size;

  if (!thread)
    return 0;
  response = &thread->pending.response;
  if (thread->request_held) {
    thread->request_held = 0;
    if (thread->pending_active && send_exchange(thread)) {
      thread->pending_active = 0;
      return 0;
    }
    size = thread->request.received.header.size;
    if (size < sizeof(struct pinfo_received) || size > sizeof(struct held_request))
      return 0;
    if (bpf_ringbuf_output(&ring, &thread->request, size, BPF_RB_NO_WAKEUP))
      count_loss(PINFO_LOSS_RING_RECEIVED);
  }
  if (!thread->pending_active)
    return 0;
  thread->pending_active = 0;
  if (!(response->flags & PINFO_RESPONSE_TIMES_VALID))
    send_segment(thread, &response->header, response->last_out_ns, &response->spent);
  size = response->header.size;
  if (size < sizeof(*response) || size > sizeof(*response) + PINFO_RESPONSE_CAPTURE_MAX)
    return 0;
  if (bpf_ringbuf_output(&ring, &thread->pending, size, BPF_RB_NO_WAKEUP))
    count_loss(PINFO_LOSS_RING_RESPONSE);
  return 0;
}

/* Sends what the thread has not told yet, if anything. */
static __always_inline void thread_flush(struct thread_state *thread) {
  if (thread->pending_active | thread->request_held)
    send_held(thread);
}

/* A program that can be interrupted, by the sampler or (a uprobe's) by a switch, says so before it
 * changes what its thread holds, and thread_idle when it is done: a record that is half of one event
 * and half of the next must not be sent. */
static __always_inline void thread_busy(struct thread_state *thread) {
  thread->busy = 1;
  barrier();
}

static __always_inline void thread_idle(struct thread_state *thread) {
  barrier();
  thread->busy = 0;
}

/* The same for what may have interrupted such a program, which goes on afterwards. */
static __always_inline void thread_flush_if_idle(struct thread_state *thread) {
  if (!thread->busy)
    thread_flush(thread);
}

#endif /* PINFO_BPF_THREAD_H */

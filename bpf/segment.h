/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Whose turn a thread handles, and the time it spends on it.
 *
 * A thread handles at most one turn. It takes one up
 * - when it receives or sends on the turn's connection, or receives on an outgoing connection on
 *   which the turn sent last (a back end's answer);
 * - when it waits for work and is woken by a thread that handles the turn (a hand-over in a thread
 *   pool). This is a guess until it touches the connection, and marked so (CLAIM_ADOPTED);
 * and puts it aside when it takes up another, or waits for events: which of several open requests it
 * will work on next is not known then. A thread that waits in any other call, for a lock or a back
 * end, waits within the turn.
 *
 * A thread that sends on a turn which nothing had tied it to has worked for it since it was woken
 * last, or since it answered its last turn.
 */
#ifndef PINFO_BPF_SEGMENT_H
#define PINFO_BPF_SEGMENT_H

#include "outgoing.h"

static __always_inline void time_between(const struct pinfo_thread_time *from,
                                         const struct pinfo_thread_time *to,
                                         struct pinfo_thread_time *between) {
  between->on_cpu_ns = to->on_cpu_ns - from->on_cpu_ns;
  between->blocked_ns = to->blocked_ns - from->blocked_ns;
  between->runqueue_ns = to->runqueue_ns - from->runqueue_ns;
}

/* Tells of the running thread's segment so far. spent: its time up to now. */
static __always_inline void tell_segment(const struct thread_state *thread, pinfo_u64 now,
                                         const struct pinfo_thread_time *spent) {
  const pinfo_u64 pid_tgid = bpf_get_current_pid_tgid();
  const struct pinfo_header who = {.pid = pid_tgid >> 32, .tid = (pinfo_u32)pid_tgid};
  struct pinfo_thread_time part;

  time_between(&thread->segment_spent, spent, &part);
  send_segment(thread, &who, now, &part);
}

/* The running thread leaves its turn. A turn it has answered is told by the response. */
static __always_inline void put_aside(struct thread_state *thread, pinfo_u64 now,
                                      const struct pinfo_thread_time *spent) {
  if (thread->connection && !thread->answered) {
    if (thread->claim == CLAIM_TOUCHED)
      tell_segment(thread, now, spent);
    thread->loose_ns = now;
    thread->loose_spent = *spent;
  }
  thread->connection = 0;
  thread->turn = 0;
  thread->claim = CLAIM_NONE;
  thread->answered = 0;
}

/* The running thread touches a connection of this turn. */
static __always_inline void take_up(struct thread_state *thread, pinfo_u64 connection,
                                    pinfo_u32 turn, pinfo_u64 now,
                                    const struct pinfo_thread_time *spent) {
  if (thread->connection != connection || thread->turn != turn) {
    put_aside(thread, now, spent);
    thread->adopted_ip = 0; /* nobody gave it this one */
    thread->connection = connection;
    thread->turn = turn;
    thread->segment_ns = now;
    thread->segment_spent = *spent;
  }
  thread->claim = CLAIM_TOUCHED;
}

/* As take_up, by sending: the thread has worked for what it sends. start_ns: the turn's. */
static __always_inline void take_up_to_answer(struct thread_state *thread, pinfo_u64 connection,
                                              pinfo_u32 turn, pinfo_u64 start_ns, pinfo_u64 now,
                                              const struct pinfo_thread_time *spent) {
  const bool known = thread->connection == connection && thread->turn == turn;

  take_up(thread, connection, turn, now, spent);
  if (!known && thread->loose_ns > start_ns) {
    thread->segment_ns = thread->loose_ns;
    thread->segment_spent = thread->loose_spent;
  }
  thread->answered = 1;
  thread->loose_ns = now;
  thread->loose_spent = *spent;
}

/* What an outgoing connection tells: who sent on it last owns what is received next. */
static __always_inline void on_outgoing(struct connection *connection, struct thread_state *thread,
                                        bool sent) {
  struct outgoing *outgoing = &connection->outgoing;
  struct pinfo_thread_time spent;
  pinfo_u64 now;

  if (outgoing->shared)
    return;
  if (!sent) {
    outgoing->owed = 0;
    if (!outgoing->owner ||
        (thread->connection == outgoing->owner && thread->turn == outgoing->owner_turn))
      return;
    now = bpf_ktime_get_ns();
    thread_flush(thread);
    thread_spent(thread, now, &spent);
    take_up(thread, outgoing->owner, outgoing->owner_turn, now, &spent);
    return;
  }
  if (outgoing->owed &&
      (outgoing->owner != thread->connection || outgoing->owner_turn != thread->turn)) {
    outgoing->shared = 1; /* the answers of several turns cannot be told apart */
    return;
  }
  outgoing->owner = thread->connection;
  outgoing->owner_turn = thread->turn;
  outgoing->owed = 1;
}

/* The running thread wakes another one of its process. Called while that one does not run. */
static __always_inline void offer_turn(const struct thread_state *waker,
                                       struct thread_state *woken) {
  if (woken->run_state != THREAD_BLOCKED || woken->blocked_call == BLOCKED_OTHER ||
      (woken->connection && !woken->answered))
    return;
  woken->offer_turn = waker->turn;
  woken->offer = waker->connection;
}

/* A thread runs again. REQUIRES: thread_enter has not been called for it yet. */
static __always_inline void accept_offer(struct thread_state *thread, pinfo_u64 now) {
  if (thread->run_state == THREAD_BLOCKED) /* its wake-up was not seen */
    thread_enter(thread, now, THREAD_RUNNABLE);
  thread->connection = thread->offer;
  thread->turn = thread->offer_turn;
  thread->offer = 0;
  thread->claim = CLAIM_ADOPTED;
  thread->answered = 0;
  /* From when it was woken. */
  thread->segment_ns = thread->since_ns;
  thread->segment_spent = thread->spent;
  thread->adopted_ip = thread->blocked_ip;
  thread->adopted_sp = thread->blocked_sp;
}

static __always_inline enum blocked_call blocked_call(const struct pt_regs *regs) {
  switch (ARCH_SYSCALL(regs)) {
    case NR_epoll_wait:
    case NR_epoll_pwait:
    case NR_epoll_pwait2:
    case NR_io_uring_enter:
    case NR_accept:
    case NR_accept4:
      return BLOCKED_EVENTS;
    case NR_poll:
    case NR_ppoll: /* one descriptor: what clients of a back end do within a turn */
      return ARCH_ARG2(regs) > 1 ? BLOCKED_EVENTS : BLOCKED_INPUT;
    case NR_read:
    case NR_readv:
    case NR_recvfrom:
    case NR_recvmsg:
    case NR_select:
    case NR_pselect6:
      return BLOCKED_INPUT;
    case NR_futex:
      return ARCH_ARG4(regs) ? BLOCKED_OTHER : BLOCKED_FUTEX;
    default:
      return BLOCKED_OTHER;
  }
}

/* Whether the running call hands something to another thread. Interrupts wake threads too, in
 * whatever thread they find; in these calls that is rare. */
static __always_inline bool call_hands_over(const struct pt_regs *regs) {
  switch (ARCH_SYSCALL(regs)) {
    case NR_futex:
    case NR_write:
    case NR_writev:
    case NR_sendto:
    case NR_sendmsg:
      return true;
    default:
      return false;
  }
}

/* The running thread blocks; thread_enter and thread_flush have been called. */
static __always_inline void segment_blocks(struct thread_state *thread, const struct pt_regs *regs) {
  thread->blocked_call = blocked_call(regs);
  thread->blocked_ip = regs->ip;
  thread->blocked_sp = regs->sp;
  thread->blocked_before_ns = thread->spent.blocked_ns;
  thread->offer = 0;
  if (thread->blocked_call == BLOCKED_EVENTS)
    thread->events_ns = thread->since_ns;
  if (thread->blocked_call == BLOCKED_EVENTS || thread->blocked_call == BLOCKED_FUTEX)
    calls_flush(thread); /* another thread may answer */
  if (!thread->connection)
    return;
  if (thread->claim == CLAIM_ADOPTED)
    tell_segment(thread, thread->since_ns, &thread->spent);
  /* Back where it was given the turn: it waits for other work. */
  if (thread->blocked_call == BLOCKED_EVENTS ||
      (thread->adopted_ip && thread->blocked_ip == thread->adopted_ip &&
       thread->blocked_sp == thread->adopted_sp))
    put_aside(thread, thread->since_ns, &thread->spent);
}

/* A thread runs again; after thread_enter. */
static __always_inline void segment_runs(struct thread_state *thread) {
  if (thread->connection && !thread->answered)
    return;
  thread->loose_ns = thread->since_ns;
  thread->loose_spent = thread->spent;
}

#endif /* PINFO_BPF_SEGMENT_H */

/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The state machine of one server-side connection, shared by the BPF programs and the preload shim.
 *
 * It knows nothing of any protocol: a *turn* begins when bytes arrive on a connection that is idle
 * or has answered, and lasts through every byte sent until bytes arrive again. The collector reads
 * HTTP out of turns (one turn may hold several pipelined requests, one request several turns).
 *
 *            receive                    send
 *   IDLE ───────────────> READING ───────────────> WRITING ──┐ send
 *                           │  ^                      │ ^────┘
 *                           └──┘ receive              │
 *                           ^                         │ receive: the next turn
 *                           └─────────────────────────┘
 *
 * Pure: no calls, no globals, no clock of its own. The caller serializes access to one connection
 * as well as its context allows; the struct has no invariant that a lost race could turn into a
 * crash, only into a wrong figure of that turn.
 */
#ifndef PINFO_BPF_TURN_H
#define PINFO_BPF_TURN_H

#include "wire.h"

enum pinfo_turn_phase {
  PINFO_TURN_IDLE = 0,
  PINFO_TURN_READING = 1,
  PINFO_TURN_WRITING = 2,
};

/* Zero-initialized by its owner, who then sets connection, established_ns and partial. */
struct pinfo_turn {
  pinfo_u64 connection;
  pinfo_u64 established_ns;
  pinfo_u64 start_ns;
  pinfo_u64 first_out_ns;
  pinfo_u64 last_out_ns;
  pinfo_u64 bytes_in;
  pinfo_u64 bytes_out;
  struct pinfo_thread_time spent_at_start;
  pinfo_u32 number;    /* of the turn, from 1; 0 before the first */
  pinfo_u32 begin_tid; /* thread that received the turn's first byte */
  pinfo_u32 captured;  /* bytes of this turn's request already carried by records */
  pinfo_u8 phase;      /* enum pinfo_turn_phase */
  pinfo_u8 partial;    /* 1 while the turn under way began before pinfo saw the connection */
  pinfo_u16 reserved;
};

/* What the caller must do after an event. */
#define PINFO_TURN_BEGAN 1u    /* a new turn began with this event */
#define PINFO_TURN_CAPTURE 2u  /* send a PINFO_RECORD_RECEIVED with this call's bytes */
#define PINFO_TURN_FIRST_OUT 4u /* first bytes of the response: capture them */

/* n > 0 bytes were handed to the server by thread tid at now. limit: bytes of a turn's request to
 * carry in all. spent: the thread's time up to now. */
static inline unsigned pinfo_turn_receive(struct pinfo_turn *turn, pinfo_u64 now, pinfo_u64 n,
                                          pinfo_u32 tid, const struct pinfo_thread_time *spent,
                                          pinfo_u32 limit) {
  unsigned todo = 0;

  if (turn->phase != PINFO_TURN_READING) {
    if (turn->phase == PINFO_TURN_WRITING)
      turn->partial = 0; /* what was under way at first sight has been answered */
    turn->phase = PINFO_TURN_READING;
    turn->number += 1;
    turn->start_ns = now;
    turn->first_out_ns = 0;
    turn->last_out_ns = 0;
    turn->bytes_in = 0;
    turn->bytes_out = 0;
    turn->captured = 0;
    turn->begin_tid = tid;
    turn->spent_at_start = *spent;
    todo |= PINFO_TURN_BEGAN | PINFO_TURN_CAPTURE;
  } else if (turn->captured < limit) {
    todo |= PINFO_TURN_CAPTURE;
  }
  turn->bytes_in += n;
  return todo;
}

/* n > 0 bytes were handed to the kernel at now. A send before anything was received (a protocol in
 * which the server speaks first, or the tail of a turn that began before pinfo) opens no turn: 0 is
 * returned and nothing is to be sent while number is 0. */
static inline unsigned pinfo_turn_send(struct pinfo_turn *turn, pinfo_u64 now, pinfo_u64 n) {
  unsigned todo = 0;

  if (turn->number == 0)
    return 0;
  if (turn->phase == PINFO_TURN_READING) {
    turn->phase = PINFO_TURN_WRITING;
    turn->first_out_ns = now;
    todo |= PINFO_TURN_FIRST_OUT;
  }
  turn->last_out_ns = now;
  turn->bytes_out += n;
  return todo;
}

/* The first thing seen of a connection that is older than pinfo is a send: a turn was under way. It
 * becomes turn 1, marked partial, its beginning unknown. Then call pinfo_turn_send. */
static inline void pinfo_turn_begin_partial(struct pinfo_turn *turn, pinfo_u64 now) {
  turn->number = 1;
  turn->phase = PINFO_TURN_READING;
  turn->start_ns = now;
  turn->partial = 1;
}

/* The thread's time since the turn began; valid only where tid == turn->begin_tid. */
static inline void pinfo_turn_spent(const struct pinfo_turn *turn,
                                    const struct pinfo_thread_time *now,
                                    struct pinfo_thread_time *spent) {
  spent->on_cpu_ns = now->on_cpu_ns - turn->spent_at_start.on_cpu_ns;
  spent->blocked_ns = now->blocked_ns - turn->spent_at_start.blocked_ns;
  spent->runqueue_ns = now->runqueue_ns - turn->spent_at_start.runqueue_ns;
}

#endif /* PINFO_BPF_TURN_H */

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
  pinfo_u64 previous_out; /* bytes_out of the turn before */
  struct pinfo_thread_time spent_at_start;
  pinfo_u32 number;    /* of the turn, from 1; 0 before the first */
  pinfo_u32 begin_tid; /* thread that received the turn's first byte */
  pinfo_u32 captured;  /* bytes of this turn's request already carried by records */
  pinfo_u16 out_captured; /* bytes of the response under way already captured */
  pinfo_u8 phase;      /* enum pinfo_turn_phase */
  pinfo_u8 head;       /* enum pinfo_head of the request */
  pinfo_u8 out_head;   /* enum pinfo_head of the response under way; ENDED: capture no more of it */
  pinfo_u8 partial;    /* 1 while the turn under way began before pinfo saw the connection */
  pinfo_u8 old;        /* 1: the connection is older than what was seen of it */
  pinfo_u8 reserved[5];
};

/* Whether a send's first 8 bytes begin a response of HTTP/1.x. */
static inline int pinfo_begins_response(const unsigned char *first) {
  return first[0] == 'H' && first[1] == 'T' && first[2] == 'T' && first[3] == 'P' &&
         first[4] == '/' && first[5] == '1' && first[6] == '.';
}

/* Whether a send's last 4 bytes end a line and an empty one, as a head and a chunked body do. Bare
 * LF counts. */
static inline int pinfo_ends_lines(const unsigned char *last) {
  return last[3] == '\n' && (last[2] == '\n' || (last[2] == '\r' && last[1] == '\n'));
}

/* How far the captured bytes of a head have come to its end, a line end and an empty line. */
enum pinfo_head {
  PINFO_HEAD_IN_LINE = 0,
  PINFO_HEAD_LF = 1,    /* behind a line end */
  PINFO_HEAD_LF_CR = 2, /* and a CR */
  PINFO_HEAD_ENDED = 3, /* it was there */
};

/* One byte more of a head. Empty lines before the request line count as an end:
 * the price is that a head longer than PINFO_TURN_CAPTURE_MAX behind them is cut. */
static inline pinfo_u8 pinfo_head_next(pinfo_u8 head, unsigned char byte) {
  if (head == PINFO_HEAD_ENDED)
    return head;
  if (byte == '\n')
    return head == PINFO_HEAD_IN_LINE ? PINFO_HEAD_LF : PINFO_HEAD_ENDED;
  return byte == '\r' && head == PINFO_HEAD_LF ? PINFO_HEAD_LF_CR : PINFO_HEAD_IN_LINE;
}

/* The same for n bytes: at once where they end with the head, as those of most requests do. */
static inline pinfo_u8 pinfo_head_run(pinfo_u8 head, const unsigned char *bytes, pinfo_u64 n) {
  if (n >= 4 && pinfo_ends_lines(bytes + n - 4))
    return PINFO_HEAD_ENDED;
  for (pinfo_u64 i = 0; i < n && head != PINFO_HEAD_ENDED; ++i)
    head = pinfo_head_next(head, bytes[i]);
  return head;
}

/* Bytes of this turn's request that are to be carried in all, as far as is known now. */
static inline pinfo_u32 pinfo_turn_capture_limit(const struct pinfo_turn *turn) {
  return turn->head == PINFO_HEAD_ENDED ? PINFO_TURN_CAPTURE_MAX : PINFO_HEAD_CAPTURE_MAX;
}

/* What the caller must do after an event. */
#define PINFO_TURN_BEGAN 1u     /* a new turn began with this event */
#define PINFO_TURN_CAPTURE 2u   /* send a PINFO_RECORD_RECEIVED with this call's bytes */
#define PINFO_TURN_FIRST_OUT 4u /* first bytes of the response */
#define PINFO_TURN_MORE_OUT 8u  /* the response's captured beginning goes on with these bytes */

/* n > 0 bytes were handed to the server by thread tid at now. spent: the thread's time up to now.
 * The caller then adds what it captured to captured and runs head over it. */
static inline unsigned pinfo_turn_receive(struct pinfo_turn *turn, pinfo_u64 now, pinfo_u64 n,
                                          pinfo_u32 tid, const struct pinfo_thread_time *spent) {
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
    turn->previous_out = turn->bytes_out;
    turn->bytes_out = 0;
    turn->captured = 0;
    turn->head = PINFO_HEAD_IN_LINE;
    turn->begin_tid = tid;
    turn->spent_at_start = *spent;
    todo |= PINFO_TURN_BEGAN | PINFO_TURN_CAPTURE;
  } else if (turn->captured < pinfo_turn_capture_limit(turn)) {
    todo |= PINFO_TURN_CAPTURE;
  }
  turn->bytes_in += n;
  return todo;
}

/* n > 0 bytes were handed to the kernel at now. begins: they begin a response (see
 * pinfo_begins_response; of a turn's first bytes it need not be asked). A send before anything was
 * received (a protocol in which the server speaks first, or the tail of a turn that began before
 * pinfo) opens no turn: 0 is returned and nothing is to be sent while number is 0.
 *
 * FIRST_OUT and MORE_OUT ask for these bytes, the first PINFO_RESPONSE_CAPTURE_MAX of the response,
 * and as long as its head has not ended, PINFO_RESPONSE_HEAD_MAX. The caller adds what it captured
 * to out_captured and runs out_head over it, or sets out_head to ENDED where it captured less. */
static inline unsigned pinfo_turn_send(struct pinfo_turn *turn, pinfo_u64 now, pinfo_u64 n,
                                       int begins) {
  unsigned todo = 0;

  if (turn->number == 0)
    return 0;
  if (turn->phase == PINFO_TURN_READING || begins) {
    turn->phase = PINFO_TURN_WRITING;
    turn->first_out_ns = now;
    turn->out_captured = 0;
    turn->out_head = PINFO_HEAD_IN_LINE;
    todo |= PINFO_TURN_FIRST_OUT;
  } else if (turn->out_head != PINFO_HEAD_ENDED) {
    todo |= PINFO_TURN_MORE_OUT;
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

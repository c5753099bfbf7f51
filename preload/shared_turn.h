/* SPDX-License-Identifier: MIT */
/*
 * The turn of a connection (bpf/turn.h) where one thread may read the connection while others
 * answer on it.
 *
 * The peer may have an answer, and another thread its next request, before the call that sent the
 * answer has returned. So what a send belongs to is settled *before* the real call: the sender
 * marks the turn as answered and takes a copy of it, and after the call reports from the copy.
 * Whoever receives sees the mark and begins the next turn. All a late sender still does to the
 * shared state is done by compare-and-swap, and not at all once the turn is over.
 *
 * Lock-free, without system calls, safe in signal handlers. Applications let one thread at a time
 * send on a connection and one receive; where one does not, figures of its turns may be wrong.
 */
#ifndef PINFO_PRELOAD_SHARED_TURN_H
#define PINFO_PRELOAD_SHARED_TURN_H

#include "bpf/turn.h"

struct pinfo_shared_turn {
  /* Of turn number n in place n % 2, so that the next one can be made while this one is read. What
   * senders change of it is in the words below: phase, bytes_out and the head's figures here are
   * those of the turn's beginning. */
  struct pinfo_turn turns[2];
  pinfo_u64 order;        /* atomic: tag of the turn, phase, sending, bytes_out */
  pinfo_u64 response;     /* atomic: tag of the turn, out_head, out_captured */
  pinfo_u64 first_out_ns; /* atomic: of the response under way */
  pinfo_u32 first_tag;    /* tag of turn number 0 */
};

/* The tag counts the turns of all connections that were ever in this place, so that a sender who
 * comes too late never takes a turn for its own. */
#define PINFO_ORDER_BYTES_BITS 41
#define PINFO_ORDER_BYTES_MASK ((1ull << PINFO_ORDER_BYTES_BITS) - 1)
#define PINFO_ORDER_SENDING (1ull << PINFO_ORDER_BYTES_BITS) /* a send of the turn is under way */
#define PINFO_ORDER_PHASE_SHIFT (PINFO_ORDER_BYTES_BITS + 1)
#define PINFO_ORDER_TAG_SHIFT (PINFO_ORDER_PHASE_SHIFT + 2)
#define PINFO_ORDER_TAG_BITS (64 - PINFO_ORDER_TAG_SHIFT)

static inline pinfo_u32 pinfo_order_tag(pinfo_u64 order) {
  return (pinfo_u32)(order >> PINFO_ORDER_TAG_SHIFT);
}
static inline pinfo_u8 pinfo_order_phase(pinfo_u64 order) {
  return (order >> PINFO_ORDER_PHASE_SHIFT) & 3;
}
static inline pinfo_u64 pinfo_order_make(pinfo_u64 tag, enum pinfo_turn_phase phase,
                                         pinfo_u64 bytes_out) {
  return tag << PINFO_ORDER_TAG_SHIFT | (pinfo_u64)phase << PINFO_ORDER_PHASE_SHIFT |
         (bytes_out & PINFO_ORDER_BYTES_MASK);
}

/* A send under way: the turn that it answers, as it was before the call. On the sender's stack. */
struct pinfo_sending {
  struct pinfo_turn turn; /* number 0: no turn is answered by it */
  pinfo_u32 tag;
  pinfo_u8 marked; /* this send has marked the turn as being sent: it takes the mark away */
};

/* Zeroes the state for a connection that begins here. What senders of the one before still hold
 * becomes void. */
void pinfo_turn_reset(struct pinfo_shared_turn* shared);

/* The turn under way: for whoever receives, and where nobody else is at it. number 0: none yet. */
static inline struct pinfo_turn* pinfo_turn_under_way(struct pinfo_shared_turn* shared) {
  const pinfo_u64 order = __atomic_load_n(&shared->order, __ATOMIC_ACQUIRE);
  return &shared->turns[pinfo_order_tag(order) % 2];
}

/* Bytes that the turn under way has sent, as far as is known; of a send under way, one. */
static inline pinfo_u64 pinfo_turn_bytes_out(const struct pinfo_shared_turn* shared) {
  const pinfo_u64 order = __atomic_load_n(&shared->order, __ATOMIC_ACQUIRE);
  return (order & PINFO_ORDER_BYTES_MASK) + ((order & PINFO_ORDER_SENDING) != 0);
}

static inline int pinfo_turn_sends(const struct pinfo_shared_turn* shared) {
  return (__atomic_load_n(&shared->order, __ATOMIC_ACQUIRE) & PINFO_ORDER_SENDING) != 0;
}

/* Whether the turn that was under way before the send still is. */
static inline int pinfo_turn_is_current(const struct pinfo_shared_turn* shared,
                                        const struct pinfo_sending* sending) {
  return pinfo_order_tag(__atomic_load_n(&shared->order, __ATOMIC_RELAXED)) == sending->tag;
}

/* pinfo_turn_receive of bpf/turn.h. *next_id gives the connection its id with its first turn.
 * *turn: the turn that the bytes belong to, the receiver's to change. */
unsigned pinfo_turn_shared_receive(struct pinfo_shared_turn* shared, pinfo_u64* next_id,
                                   pinfo_u64 now, pinfo_u64 n, pinfo_u32 tid,
                                   struct pinfo_turn** turn);

/* Before the real call. */
void pinfo_turn_send_begins(struct pinfo_shared_turn* shared, struct pinfo_sending* sending);
/* After one that sent nothing. REQUIRES: sending->turn.number != 0, here and below. */
void pinfo_turn_send_failed(struct pinfo_shared_turn* shared, const struct pinfo_sending* sending);
/* After one that sent n bytes: pinfo_turn_send of bpf/turn.h, on the copy. */
unsigned pinfo_turn_shared_send(struct pinfo_shared_turn* shared, struct pinfo_sending* sending,
                                pinfo_u64 now, pinfo_u64 n, int begins);
/* What the caller captured of the response, for the turn's next send. */
void pinfo_turn_response_captured(struct pinfo_shared_turn* shared,
                                  const struct pinfo_sending* sending);

#endif /* PINFO_PRELOAD_SHARED_TURN_H */

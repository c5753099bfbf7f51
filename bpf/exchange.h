/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What a thread has not told yet of the turn it handles. Shared by the BPF programs, the preload
 * shim and the collector.
 *
 *   HELD_NONE ── receives a small request ──> HELD_REQUEST ── sends ──> HELD_BOTH
 *        └──────────────────────────── sends ──> HELD_RESPONSE
 *
 * When the thread turns to something else, what it holds becomes one record: RECEIVED of
 * HELD_REQUEST, RESPONSE of HELD_RESPONSE, EXCHANGE of HELD_BOTH. So a small request that one
 * thread reads and answers without a break costs one record, and one whose answer is still to come
 * when the thread leaves the CPU is known from then on.
 *
 * Pure, as turn.h is. The owner writes the captured bytes: the request's, then the response's.
 */
#ifndef PINFO_BPF_EXCHANGE_H
#define PINFO_BPF_EXCHANGE_H

#include "turn.h"

/* Two bits: the request's beginning is untold, the response is untold. */
enum pinfo_held {
  PINFO_HELD_NONE = 0,
  PINFO_HELD_REQUEST = 1,
  PINFO_HELD_RESPONSE = 2,
  PINFO_HELD_BOTH = 3,
};

/* The turn's first n bytes were received. The owner fills header.pid and tid, the addresses and
 * captured, and adds PINFO_RECEIVED_TLS to the flags where it holds. */
static inline void pinfo_exchange_received(struct pinfo_exchange *exchange,
                                           const struct pinfo_turn *turn, pinfo_u64 now) {
  exchange->header.time_ns = now;
  exchange->connection = turn->connection;
  exchange->turn = turn->number;
  exchange->start_ns = turn->start_ns;
  exchange->established_ns = turn->established_ns;
  exchange->bytes_in = turn->bytes_in;
  exchange->response_captured = 0;
  exchange->flags = turn->partial ? PINFO_RESPONSE_PARTIAL : 0;
}

/* A response of a turn whose request is not held. The owner fills header.pid and tid. */
static inline void pinfo_exchange_respond(struct pinfo_exchange *exchange,
                                          const struct pinfo_turn *turn) {
  exchange->connection = turn->connection;
  exchange->turn = turn->number;
  exchange->start_ns = turn->start_ns;
  exchange->captured = 0;
  exchange->response_captured = 0;
  exchange->flags = 0;
}

/* The turn has sent more, last at last_out_ns. spent: the sending thread's time up to then. */
static inline void pinfo_exchange_sent(struct pinfo_exchange *exchange,
                                       const struct pinfo_turn *turn, pinfo_u32 tid,
                                       const struct pinfo_thread_time *spent) {
  exchange->header.time_ns = turn->last_out_ns;
  exchange->first_out_ns = turn->first_out_ns;
  exchange->last_out_ns = turn->last_out_ns;
  exchange->bytes_in = turn->bytes_in;
  exchange->bytes_out = turn->bytes_out;
  if (turn->begin_tid == tid) {
    pinfo_turn_spent(turn, spent, &exchange->spent);
    exchange->flags |= PINFO_RESPONSE_TIMES_VALID;
  } else {
    exchange->spent.on_cpu_ns = 0;
    exchange->spent.blocked_ns = 0;
    exchange->spent.runqueue_ns = 0;
    exchange->flags &= ~PINFO_RESPONSE_TIMES_VALID;
  }
  if (turn->partial)
    exchange->flags |= PINFO_RESPONSE_PARTIAL;
}

/* The two records that an exchange stands for, without payload: `captured` bytes of the exchange's
 * request, `response_captured` of its response. */
static inline void pinfo_exchange_to_received(const struct pinfo_exchange *exchange,
                                              struct pinfo_received *record) {
  record->header.size = sizeof(*record) + exchange->captured;
  record->header.type = PINFO_RECORD_RECEIVED;
  record->header.reserved = 0;
  record->header.pid = exchange->header.pid;
  record->header.tid = exchange->header.tid;
  record->header.time_ns = exchange->start_ns;
  record->connection = exchange->connection;
  record->start_ns = exchange->start_ns;
  record->established_ns = exchange->established_ns;
  record->offset = 0;
  record->received = exchange->bytes_in;
  record->turn = exchange->turn;
  record->local_port = exchange->local_port;
  record->peer_port = exchange->peer_port;
  __builtin_memcpy(record->local_address, exchange->local_address, 16);
  __builtin_memcpy(record->peer_address, exchange->peer_address, 16);
  record->transport = exchange->transport;
  record->flags = (exchange->flags & PINFO_RESPONSE_PARTIAL ? PINFO_RECEIVED_PARTIAL : 0) |
                  (exchange->flags & PINFO_RECEIVED_TLS);
  record->captured = exchange->captured;
  record->reserved = 0;
}

/* begin_tid: as pinfo_turn has it; the sending thread itself where spent is valid. */
static inline void pinfo_exchange_to_response(const struct pinfo_exchange *exchange,
                                              pinfo_u32 begin_tid, struct pinfo_response *record) {
  record->header.size = sizeof(*record) + exchange->response_captured;
  record->header.type = PINFO_RECORD_RESPONSE;
  record->header.reserved = 0;
  record->header.pid = exchange->header.pid;
  record->header.tid = exchange->header.tid;
  record->header.time_ns = exchange->header.time_ns;
  record->connection = exchange->connection;
  record->start_ns = exchange->start_ns;
  record->first_out_ns = exchange->first_out_ns;
  record->last_out_ns = exchange->last_out_ns;
  record->bytes_in = exchange->bytes_in;
  record->bytes_out = exchange->bytes_out;
  record->spent = exchange->spent;
  record->turn = exchange->turn;
  record->begin_tid = begin_tid;
  record->captured = exchange->response_captured;
  record->flags = exchange->flags & ~PINFO_RECEIVED_TLS;
  record->reserved = 0;
  record->reserved2 = 0;
}

#endif /* PINFO_BPF_EXCHANGE_H */

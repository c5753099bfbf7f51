/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Calls that a followed process makes to other servers: turns, send then receive, on connections
 * that it opened itself. A call belongs to the request that its thread serves when it sends.
 *
 * Which one that is, is certain where a thread serves one request at a time. An event loop comes
 * back from each wait with something else to do, runs timers and hands free connections on to
 * whoever waits for one. So a call belongs to a request only while the thread handles that one's
 * turn (segment.h) and has no other request open. A connection that is written to only after a wait
 * for events keeps the request that it was opened for. In doubt a call belongs to none: it is
 * counted, never guessed. Where only a wake-up ties the thread to the turn, the record says so.
 *
 * Calls of one request to one connection, one after the other, are gathered in the thread's state
 * and cost one record (fifty queries of a page are one); another connection, bytes from or to the
 * server's own client, or a wait for other work end the row.
 */
#ifndef PINFO_BPF_OUTGOING_H
#define PINFO_BPF_OUTGOING_H

#include "thread.h"

/* Turns of a thread that somebody else has answered or ended, by the thread that began them. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 8192);
  __type(key, pinfo_u32);
  __type(value, pinfo_u32);
} answered_elsewhere SEC(".maps");

/* The turn that begin_tid began is no longer open. thread: the running one's state, or NULL where
 * the running thread has nothing to do with it. */
static __always_inline void open_turn_ended(pinfo_u32 begin_tid, struct thread_state *thread) {
  const pinfo_u32 one = 1;
  pinfo_u32 *count;

  if (!begin_tid)
    return;
  if (thread && begin_tid == thread->tid) {
    if (thread->open_turns)
      thread->open_turns -= 1;
    return;
  }
  count = bpf_map_lookup_elem(&answered_elsewhere, &begin_tid);
  if (count)
    __sync_fetch_and_add(count, 1);
  else
    bpf_map_update_elem(&answered_elsewhere, &begin_tid, &one, BPF_NOEXIST);
}

/* Whether the running thread has at most one request open. */
static __always_inline bool serves_one_at_a_time(struct thread_state *thread) {
  const pinfo_u32 tid = thread->tid;
  pinfo_u32 *count;
  pinfo_u32 ended;

  if (thread->open_turns <= 1)
    return true;
  count = bpf_map_lookup_elem(&answered_elsewhere, &tid);
  if (count && *count) {
    ended = *count;
    __sync_fetch_and_add(count, -ended);
    thread->open_turns = ended < thread->open_turns ? thread->open_turns - ended : 0;
  }
  return thread->open_turns <= 1;
}

/* The call is made for the turn that the running thread handles, if it is certain which. */
static __always_inline void call_is_for(struct outgoing *call, struct thread_state *thread) {
  const bool known = thread->connection && serves_one_at_a_time(thread);

  call->request = known ? thread->connection : 0;
  call->request_turn = known ? thread->turn : 0;
  call->adopted = known && thread->claim == CLAIM_ADOPTED;
}

/* Hands on what has been gathered, if anything. */
static __always_inline void calls_flush(struct thread_state *thread) {
  pinfo_u32 size;

  if (!thread->calls_on)
    return;
  thread->calls_on = 0;
  size = thread->calls.call.header.size;
  /* The verifier needs the bound; outgoing_received keeps it. */
  if (size < sizeof(struct pinfo_call) || size > sizeof(struct pending_calls))
    return;
  if (bpf_ringbuf_output(&ring, &thread->calls, size, BPF_RB_NO_WAKEUP))
    count_loss(PINFO_LOSS_RING_CALL);
}

/* The name that the peer of a unix socket is bound to; its bytes. */
static __always_inline pinfo_u8 unix_peer_path(struct sock *sk, pinfo_u8 *path) {
  struct sock *peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
  struct unix_address *address = BPF_CORE_READ((struct unix_sock *)peer, addr);
  /* len counts the family, two bytes, too. */
  pinfo_u64 length = (pinfo_u64)BPF_CORE_READ(address, len) - 2;

  asm volatile("" : "+r"(length)); /* else what is compared is not what the verifier sees used */
  if (!address || length == 0 || length > PINFO_UNIX_PATH_MAX)
    return 0;
  if (bpf_probe_read_kernel(path, length, &address->name[0].sun_path))
    return 0;
  return (pinfo_u8)length;
}

/* The running thread opens the connection. */
static __always_inline void outgoing_opened(struct connection *connection,
                                            struct thread_state *thread, pinfo_u64 now) {
  struct outgoing *call = &connection->outgoing;

  call_is_for(call, thread);
  call->phase = OUTGOING_OPENED;
  call->opener = (pinfo_u32)bpf_get_current_pid_tgid();
  call->sent_ns = now;
}

/* Whether the running thread, which writes to the connection first, opened it in the same breath: then
 * it knows better by now which turn it handles. Threads connect before they read their client's
 * first bytes, and a wake-up (an interpreter's lock is enough) may have tied them to another's. */
static __always_inline bool opened_just_now(const struct outgoing *call,
                                            const struct thread_state *thread) {
  return call->opener == (pinfo_u32)bpf_get_current_pid_tgid() && thread->events_ns <= call->sent_ns;
}

/* Bytes of a call's request were handed to the kernel. */
static __always_inline void outgoing_sent(struct connection *connection,
                                          struct thread_state *thread, pinfo_u64 now) {
  struct outgoing *call = &connection->outgoing;
  const bool keeps_request =
      call->phase == OUTGOING_OPENED && call->request && !opened_just_now(call, thread);

  call->sent_ns = now;
  if (call->phase == OUTGOING_ASKED) {
    /* Two requests ask at the same time: whose answer comes first is not known. */
    if (thread->connection &&
        (call->request != thread->connection || call->request_turn != thread->turn))
      call->request = 0;
    return;
  }
  if (!keeps_request)
    call_is_for(call, thread);
  call->phase = OUTGOING_ASKED;
}

/* Bytes of an answer were handed to the running thread; the first ones end the call. */
static __always_inline void outgoing_received(struct connection *connection,
                                              struct thread_state *thread, struct sock *sk,
                                              pinfo_u64 now) {
  struct outgoing *call = &connection->outgoing;
  struct pinfo_call *record = &thread->calls.call;
  const pinfo_u64 waited = now > call->sent_ns ? now - call->sent_ns : 0;

  if (call->phase != OUTGOING_ASKED)
    return;
  call->phase = OUTGOING_ANSWERED;
  if (thread->calls_on == call->connection && record->connection == call->request &&
      record->turn == call->request_turn) {
    record->header.time_ns = now;
    record->last_ns = now;
    record->waited_ns += waited;
    record->calls += 1;
    return;
  }
  calls_flush(thread);
  record->connection = call->request;
  record->turn = call->request_turn;
  record->first_ns = call->sent_ns;
  record->last_ns = now;
  record->waited_ns = waited;
  record->calls = 1;
  __builtin_memcpy(record->peer_address, connection->endpoint.peer_address, 16);
  record->peer_port = connection->endpoint.peer_port;
  record->transport = connection->endpoint.transport;
  record->path_bytes = 0;
  record->flags = call->adopted ? PINFO_CALL_ADOPTED : 0;
  if (record->transport == PINFO_TRANSPORT_UNIX)
    record->path_bytes = unix_peer_path(sk, thread->calls.path);
  fill_header(&record->header, PINFO_RECORD_CALL, sizeof(*record) + record->path_bytes, now);
  thread->calls_on = call->connection;
  /* Gathered is only what one thread asks and reads for one request. */
  if (!call->request || thread->connection != call->request ||
      thread->turn != call->request_turn)
    calls_flush(thread);
}

#endif /* PINFO_BPF_OUTGOING_H */

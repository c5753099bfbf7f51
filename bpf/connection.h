/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The handler behind both strategies: bytes came in, bytes went out, the connection ended. The
 * strategies differ only in how they find the struct connection.
 */
#ifndef PINFO_BPF_CONNECTION_H
#define PINFO_BPF_CONNECTION_H

#include "capture.h"
#include "thread.h"

enum {
  KERNEL_AF_UNIX = 1,
  KERNEL_AF_INET = 2,
  KERNEL_AF_INET6 = 10,
  KERNEL_SOCK_STREAM = 1,
  KERNEL_ECONNRESET = 104,
  KERNEL_MSG_PEEK = 2,
};

/* net/tcp_states.h */
enum {
  KERNEL_TCP_ESTABLISHED = 1,
  KERNEL_TCP_SYN_RECV = 3,
  KERNEL_TCP_FIN_WAIT1 = 4,
  KERNEL_TCP_CLOSE = 7,
  KERNEL_TCP_LAST_ACK = 9,
  KERNEL_TCP_LISTEN = 10,
};

static __always_inline bool is_listen_port(pinfo_u32 port) {
  return bpf_map_lookup_elem(&listen_ports, &port) != NULL;
}

/* Unique while the machine runs: 2^56 ns are more than two years, and one CPU begins at most one
 * connection a nanosecond. */
static __always_inline pinfo_u64 new_connection_id(pinfo_u64 now) {
  return now << 8 | (bpf_get_smp_processor_id() & 255);
}

/* First sight of a socket: who is on it, and does the followed process answer there? An accepted
 * TCP socket has its listener's port. An accepted unix socket has its listener's address, one that
 * connected has none. */
static __always_inline void connection_begin(struct connection *connection, struct sock *sk,
                                             pinfo_u64 now) {
  struct endpoint *endpoint = &connection->endpoint;
  const pinfo_u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  bool server = false;

  connection->turn.connection = new_connection_id(now);
  if (BPF_CORE_READ(sk, sk_type) == KERNEL_SOCK_STREAM) {
    if (family == KERNEL_AF_INET || family == KERNEL_AF_INET6) {
      endpoint->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
      endpoint->peer_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
      server = is_listen_port(endpoint->local_port);
    } else if (family == KERNEL_AF_UNIX) {
      endpoint->transport = PINFO_TRANSPORT_UNIX;
      server = BPF_CORE_READ((struct unix_sock *)sk, addr) != NULL;
    }
  }
  if (family == KERNEL_AF_INET) {
    endpoint->transport = PINFO_TRANSPORT_TCP4;
    BPF_CORE_READ_INTO((__be32 *)endpoint->local_address, sk, __sk_common.skc_rcv_saddr);
    BPF_CORE_READ_INTO((__be32 *)endpoint->peer_address, sk, __sk_common.skc_daddr);
  } else if (family == KERNEL_AF_INET6) {
    endpoint->transport = PINFO_TRANSPORT_TCP6;
    BPF_CORE_READ_INTO((struct in6_addr *)endpoint->local_address, sk,
                       __sk_common.skc_v6_rcv_saddr);
    BPF_CORE_READ_INTO((struct in6_addr *)endpoint->peer_address, sk, __sk_common.skc_v6_daddr);
  }
  connection->role = server ? ROLE_SERVER : ROLE_OTHER;
}

/* One record with room for `room` bytes of payload, a constant. */
static __always_inline bool send_received(const struct connection *connection,
                                          const struct user_buffer *buffer, pinfo_u64 now,
                                          pinfo_u64 n, pinfo_u32 room) {
  const struct pinfo_turn *turn = &connection->turn;
  struct pinfo_received *record = bpf_ringbuf_reserve(&ring, sizeof(*record) + room, 0);

  if (!record)
    return false;
  record->captured = copy_user(record + 1, room, buffer);
  fill_header(&record->header, PINFO_RECORD_RECEIVED, sizeof(*record) + record->captured, now);
  record->connection = turn->connection;
  record->start_ns = turn->start_ns;
  record->established_ns = turn->established_ns;
  record->offset = turn->bytes_in - n;
  record->received = n;
  record->turn = turn->number;
  record->local_port = connection->endpoint.local_port;
  record->peer_port = connection->endpoint.peer_port;
  __builtin_memcpy(record->local_address, connection->endpoint.local_address, 16);
  __builtin_memcpy(record->peer_address, connection->endpoint.peer_address, 16);
  record->transport = connection->endpoint.transport;
  record->flags = (turn->partial ? PINFO_RECEIVED_PARTIAL : 0) |
                  (connection->tls >= TLS_STREAM ? PINFO_RECEIVED_TLS : 0);
  record->reserved = 0;
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
  return true;
}

/* Keeps a small request's beginning, which has just begun its turn, until its answer. */
static __always_inline void hold_request(const struct connection *connection,
                                         struct thread_state *thread,
                                         const struct user_buffer *buffer, pinfo_u64 now,
                                         pinfo_u64 pid_tgid) {
  struct pinfo_exchange *exchange = &thread->held.exchange;

  exchange->captured = copy_user(thread->held.bytes, PINFO_EXCHANGE_CAPTURE_MAX, buffer);
  exchange->header.type = PINFO_RECORD_EXCHANGE;
  exchange->header.reserved = 0;
  exchange->header.pid = pid_tgid >> 32;
  exchange->header.tid = (pinfo_u32)pid_tgid;
  exchange->local_port = connection->endpoint.local_port;
  exchange->peer_port = connection->endpoint.peer_port;
  __builtin_memcpy(exchange->local_address, connection->endpoint.local_address, 16);
  __builtin_memcpy(exchange->peer_address, connection->endpoint.peer_address, 16);
  exchange->transport = connection->endpoint.transport;
  exchange->reserved = 0;
  pinfo_exchange_received(exchange, &connection->turn, now);
  if (connection->tls >= TLS_STREAM)
    exchange->flags |= PINFO_RECEIVED_TLS;
  thread->begin_tid = connection->turn.begin_tid;
  thread->held_state = PINFO_HELD_REQUEST;
}

/* n bytes were handed to the running thread. */
static __always_inline void on_received(struct connection *connection, struct thread_state *thread,
                                        const struct byte_source *source, pinfo_u64 now, pinfo_u64 n) {
  const pinfo_u64 pid_tgid = bpf_get_current_pid_tgid();
  struct pinfo_turn *turn = &connection->turn;
  struct pinfo_thread_time spent;
  struct user_buffer buffer;
  unsigned todo;
  bool sent;

  thread_flush(thread);
  thread_spent(thread, now, &spent);
  todo = pinfo_turn_receive(turn, now, n, (pinfo_u32)pid_tgid, &spent, knob_capture_bytes);
  thread->connection = turn->connection;
  thread->turn = turn->number;
  if (!(todo & PINFO_TURN_CAPTURE))
    return;
  turn->captured += n < PINFO_CAPTURE_MAX ? n : PINFO_CAPTURE_MAX;
  buffer = source_buffer(source, n);
  if ((todo & PINFO_TURN_BEGAN) && n <= PINFO_EXCHANGE_CAPTURE_MAX) {
    hold_request(connection, thread, &buffer, now, pid_tgid);
    return;
  }
  /* The sizes that keep the ring small for small requests. */
  if (buffer.length <= 144)
    sent = send_received(connection, &buffer, now, n, 144);
  else if (buffer.length <= 912)
    sent = send_received(connection, &buffer, now, n, 912);
  else
    sent = send_received(connection, &buffer, now, n, PINFO_CAPTURE_MAX);
  if (!sent)
    count_loss(PINFO_LOSS_RING_RECEIVED);
}

static __always_inline bool holds(const struct thread_state *thread,
                                  const struct pinfo_turn *turn) {
  return thread->held_state != PINFO_HELD_NONE &&
         thread->held.exchange.connection == turn->connection &&
         thread->held.exchange.turn == turn->number;
}

/* n bytes were handed to the kernel by the running thread. */
static __always_inline void on_sent(struct connection *connection, struct thread_state *thread,
                                    const struct byte_source *source, pinfo_u64 now, pinfo_u64 n) {
  struct pinfo_turn *turn = &connection->turn;
  struct pinfo_exchange *exchange = &thread->held.exchange;
  struct pinfo_thread_time spent;
  struct user_buffer buffer;
  pinfo_u32 captured;
  unsigned todo;

  if (!turn->number) {
    if (turn->established_ns)
      return; /* a server that speaks first: no request yet */
    pinfo_turn_begin_partial(turn, now);
  }
  todo = pinfo_turn_send(turn, now, n);
  thread->connection = turn->connection;
  thread->turn = turn->number;
  /* Where another thread has answered first, the request's beginning must not come with us, later
   * than that answer. */
  if (!holds(thread, turn) ||
      (thread->held_state == PINFO_HELD_REQUEST && !(todo & PINFO_TURN_FIRST_OUT))) {
    const pinfo_u64 pid_tgid = bpf_get_current_pid_tgid();

    thread_flush(thread);
    exchange->header.pid = pid_tgid >> 32;
    exchange->header.tid = (pinfo_u32)pid_tgid;
    thread->begin_tid = turn->begin_tid;
    pinfo_exchange_respond(exchange, turn);
  }
  if (todo & PINFO_TURN_FIRST_OUT) {
    captured = exchange->captured;
    if (captured > PINFO_EXCHANGE_CAPTURE_MAX)
      return;
    buffer = source_buffer(source, n);
    exchange->response_captured =
        copy_user(thread->held.bytes + captured, PINFO_RESPONSE_CAPTURE_MAX, &buffer);
  }
  thread_spent(thread, now, &spent);
  pinfo_exchange_sent(exchange, turn, exchange->header.tid, &spent);
  thread->held_state |= PINFO_HELD_RESPONSE;
}

/* The server or its peer has ended the connection. thread: the closing thread where the server
 * closed it, else NULL. At most one record a connection, none where it rides on a response. */
static __always_inline void on_closed(struct connection *connection, struct thread_state *thread,
                                      pinfo_u64 now, bool reset) {
  struct pinfo_turn *turn = &connection->turn;
  struct pinfo_close *record;

  if (connection->closed || !turn->number)
    return;
  connection->closed = 1;
  if (thread && holds(thread, turn)) {
    const bool told = thread->held_state & PINFO_HELD_RESPONSE;

    if (told)
      thread->held.exchange.flags |= PINFO_RESPONSE_CLOSED | (reset ? PINFO_RESPONSE_RESET : 0);
    thread_flush(thread);
    if (told)
      return;
  }
  record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) {
    count_loss(PINFO_LOSS_RING_OTHER);
    return;
  }
  fill_header(&record->header, PINFO_RECORD_CLOSE, sizeof(*record), now);
  record->connection = turn->connection;
  record->bytes_in = turn->bytes_in;
  record->turn = turn->number;
  record->flags = reset ? PINFO_CLOSE_RESET : 0;
  record->reserved[0] = record->reserved[1] = record->reserved[2] = 0;
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

#endif /* PINFO_BPF_CONNECTION_H */

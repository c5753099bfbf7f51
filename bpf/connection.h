/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The handler behind both strategies: bytes came in, bytes went out, the connection ended. The
 * strategies differ only in how they find the struct connection.
 */
#ifndef PINFO_BPF_CONNECTION_H
#define PINFO_BPF_CONNECTION_H

#include "capture.h"
#include "outgoing.h"

enum {
  KERNEL_AF_UNIX = 1,
  KERNEL_AF_INET = 2,
  KERNEL_AF_INET6 = 10,
  KERNEL_SOCK_STREAM = 1,
  KERNEL_ECONNRESET = 104,
  KERNEL_EINPROGRESS = 115,
  /* Not the stream's next bytes: MSG_OOB, MSG_PEEK, MSG_ERRQUEUE (include/linux/socket.h). */
  KERNEL_MSG_ASIDE = 0x1 | 0x2 | 0x2000,
};

/* net/tcp_states.h */
enum {
  KERNEL_TCP_ESTABLISHED = 1,
  KERNEL_TCP_SYN_SENT = 2,
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

/* First sight of a socket: who is on it, and does the followed process answer there, or ask? An
 * accepted TCP socket has its listener's port; of others that were not seen to connect, those ask on
 * which it speaks first (sends). An accepted unix socket has its listener's address; one that
 * connected has none, but its peer has. */
static __always_inline void connection_begin(struct connection *connection, struct sock *sk,
                                             pinfo_u64 now, bool sends) {
  struct endpoint *endpoint = &connection->endpoint;
  const pinfo_u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);
  pinfo_u8 role = ROLE_OTHER;
  struct sock *peer;

  connection->turn.connection = new_connection_id(now);
  if (BPF_CORE_READ(sk, sk_type) == KERNEL_SOCK_STREAM) {
    if (family == KERNEL_AF_INET || family == KERNEL_AF_INET6) {
      endpoint->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
      endpoint->peer_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
      if (is_listen_port(endpoint->local_port))
        role = ROLE_SERVER;
      else if (sends)
        role = ROLE_CLIENT;
    } else if (family == KERNEL_AF_UNIX) {
      endpoint->transport = PINFO_TRANSPORT_UNIX;
      peer = BPF_CORE_READ((struct unix_sock *)sk, peer);
      if (BPF_CORE_READ((struct unix_sock *)sk, addr) != NULL)
        role = ROLE_SERVER;
      else if (peer && BPF_CORE_READ((struct unix_sock *)peer, addr) != NULL)
        role = ROLE_CLIENT;
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
  connection->role = role;
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

/* n bytes were handed to the running thread. */
static __always_inline void on_received(struct connection *connection, struct thread_state *thread,
                                        const struct byte_source *source, pinfo_u64 now, pinfo_u64 n) {
  struct pinfo_turn *turn = &connection->turn;
  struct pinfo_thread_time spent;
  struct user_buffer buffer;
  unsigned todo;
  bool sent;

  thread_flush(thread);
  calls_flush(thread);
  thread_spent(thread, now, &spent);
  todo = pinfo_turn_receive(turn, now, n, (pinfo_u32)bpf_get_current_pid_tgid(), &spent,
                            knob_capture_bytes);
  if (todo & PINFO_TURN_BEGAN)
    thread->open_turns += 1;
  thread->connection = turn->connection;
  thread->turn = turn->number;
  thread->waited_for_events = 0;
  if (!(todo & PINFO_TURN_CAPTURE))
    return;
  buffer = source_buffer(source, n);
  /* The sizes that keep the ring small for small requests. */
  if (buffer.length <= 144)
    sent = send_received(connection, &buffer, now, n, 144);
  else if (buffer.length <= 912)
    sent = send_received(connection, &buffer, now, n, 912);
  else
    sent = send_received(connection, &buffer, now, n, PINFO_CAPTURE_MAX);
  turn->captured += n < PINFO_CAPTURE_MAX ? n : PINFO_CAPTURE_MAX;
  if (!sent)
    count_loss(PINFO_LOSS_RING_RECEIVED);
}

/* n bytes were handed to the kernel by the running thread. */
static __always_inline void on_sent(struct connection *connection, struct thread_state *thread,
                                    const struct byte_source *source, pinfo_u64 now, pinfo_u64 n) {
  struct pinfo_turn *turn = &connection->turn;
  struct pinfo_response *response = &thread->pending.response;
  struct pinfo_thread_time spent;
  struct user_buffer buffer;
  unsigned todo;

  if (!turn->number) {
    if (turn->established_ns || connection->seen_from_start)
      return; /* a server that speaks first: no request yet */
    pinfo_turn_begin_partial(turn, now);
  }
  todo = pinfo_turn_send(turn, now, n);
  calls_flush(thread);
  if (todo & PINFO_TURN_FIRST_OUT)
    open_turn_ended(turn->begin_tid, thread);
  if (thread->pending_active &&
      (response->connection != turn->connection || response->turn != turn->number))
    thread_flush(thread);
  thread->connection = turn->connection;
  thread->turn = turn->number;
  thread->waited_for_events = 0;
  if (!thread->pending_active) {
    response->captured = 0;
    response->flags = 0;
    response->reserved = 0;
    response->reserved2 = 0;
    response->connection = turn->connection;
    response->turn = turn->number;
  }
  if (todo & PINFO_TURN_FIRST_OUT) {
    buffer = source_buffer(source, n);
    response->captured = copy_user(thread->pending.bytes, PINFO_RESPONSE_CAPTURE_MAX, &buffer);
  }
  fill_header(&response->header, PINFO_RECORD_RESPONSE, sizeof(*response) + response->captured,
              now);
  response->start_ns = turn->start_ns;
  response->first_out_ns = turn->first_out_ns;
  response->last_out_ns = now;
  response->bytes_in = turn->bytes_in;
  response->bytes_out = turn->bytes_out;
  response->begin_tid = turn->begin_tid;
  if (turn->begin_tid == response->header.tid) {
    thread_spent(thread, now, &spent);
    pinfo_turn_spent(turn, &spent, &response->spent);
    response->flags |= PINFO_RESPONSE_TIMES_VALID;
  } else {
    __builtin_memset(&response->spent, 0, sizeof(response->spent));
    response->flags &= ~PINFO_RESPONSE_TIMES_VALID;
  }
  if (turn->partial)
    response->flags |= PINFO_RESPONSE_PARTIAL;
  thread->pending_active = 1;
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
  if (turn->phase == PINFO_TURN_READING)
    open_turn_ended(turn->begin_tid, thread);
  if (thread && thread->pending_active &&
      thread->pending.response.connection == turn->connection) {
    thread->pending.response.flags |=
        PINFO_RESPONSE_CLOSED | (reset ? PINFO_RESPONSE_RESET : 0);
    thread_flush(thread);
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

/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The handler behind both strategies: bytes came in, the connection ended; response.h has what goes
 * out. The strategies differ only in how they find the struct connection.
 */
#ifndef PINFO_BPF_CONNECTION_H
#define PINFO_BPF_CONNECTION_H

#include "capture.h"
#include "segment.h"

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
  if (role == ROLE_SERVER)
    connection->turn.old =
        connection->turn.established_ns == 0 && endpoint->transport != PINFO_TRANSPORT_UNIX;
  connection->role = role;
}

/* Fills a record with room for `room` bytes of payload behind it, a constant; returns how many it has.
 * done: bytes of this call that earlier records have told of. */
static __always_inline pinfo_u16 fill_received(struct pinfo_received *record,
                                               struct connection *connection,
                                               const struct thread_state *thread,
                                               const struct user_buffer *buffer, pinfo_u64 now,
                                               pinfo_u64 n, pinfo_u64 done, pinfo_u32 room) {
  struct pinfo_turn *turn = &connection->turn;

  record->captured = copy_user(record + 1, room, buffer);
  fill_header_of(&record->header, thread, PINFO_RECORD_RECEIVED,
                 sizeof(*record) + record->captured, now);
  record->connection = turn->connection;
  record->start_ns = turn->start_ns;
  record->established_ns = turn->established_ns;
  record->offset = turn->bytes_in - n + done;
  record->received = n - done;
  record->previous_out = turn->previous_out;
  record->turn = turn->number;
  record->local_port = connection->endpoint.local_port;
  record->peer_port = connection->endpoint.peer_port;
  __builtin_memcpy(record->local_address, connection->endpoint.local_address, 16);
  __builtin_memcpy(record->peer_address, connection->endpoint.peer_address, 16);
  record->transport = connection->endpoint.transport;
  record->flags = (turn->partial ? PINFO_RECEIVED_PARTIAL : 0) |
                  (turn->old && turn->number == 1 ? PINFO_RECEIVED_OLD : 0) |
                  (connection->tls >= TLS_STREAM ? PINFO_RECEIVED_TLS : 0);
  record->reserved = 0;
  turn->captured += record->captured;
  turn->head = head_run(turn->head, (const pinfo_u8 *)(record + 1), record->captured, room);
  return record->captured;
}

/* One record with room for `room` bytes of payload, a constant; returns how many it has. */
static __always_inline pinfo_u16 send_received(struct connection *connection,
                                               const struct thread_state *thread,
                                               const struct user_buffer *buffer, pinfo_u64 now,
                                               pinfo_u64 n, pinfo_u64 done, pinfo_u32 room) {
  struct pinfo_received *record = bpf_ringbuf_reserve(&ring, sizeof(*record) + room, 0);
  pinfo_u16 captured;

  if (!record) {
    connection->turn.captured += room;
    /* Of each request whose beginning is lost, one is counted. */
    count_loss(connection->turn.bytes_in - n + done ? PINFO_LOSS_RING_OTHER
                                                    : PINFO_LOSS_RING_RECEIVED);
    return 0;
  }
  captured = fill_received(record, connection, thread, buffer, now, n, done, room);
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
  return captured;
}

/* The call's bytes, or as many as are wanted: beyond the first PINFO_CAPTURE_MAX only while the
 * head goes on. The sizes keep the ring small for small requests. hold: the running thread keeps them,
 * which holds nothing yet; else they are sent. */
static __always_inline void capture_received(struct connection *connection,
                                             struct thread_state *thread, bool hold,
                                             const struct byte_source *source, pinfo_u64 now,
                                             pinfo_u64 n) {
  struct user_buffer buffer = source_buffer(source, n);
  struct pinfo_turn *turn = &connection->turn;
  /* Parts behind the first go into the first half only, see copy_user. */
  const pinfo_u64 room = buffer.vector ? buffer.total * 2 : buffer.total;
  pinfo_u64 done = 0;
  pinfo_u32 i;

  if (hold && room <= PINFO_EXCHANGE_CAPTURE_MAX) {
    done = fill_received(&thread->request.received, connection, thread, &buffer, now, n, 0,
                         PINFO_EXCHANGE_CAPTURE_MAX);
    thread->request_held = 1;
  } else if (room <= 144) {
    done = send_received(connection, thread, &buffer, now, n, 0, 144);
  } else if (room <= 912) {
    done = send_received(connection, thread, &buffer, now, n, 0, 912);
  } else if (buffer.vector && buffer.length <= PINFO_CAPTURE_MAX / 2) {
    done = send_received(connection, thread, &buffer, now, n, 0, PINFO_CAPTURE_MAX);
  } else {
    buffer.vector = 0;
    for (i = 0; i < PINFO_HEAD_CAPTURE_MAX / PINFO_CAPTURE_MAX; i++) {
      send_received(connection, thread, &buffer, now, n, done, PINFO_CAPTURE_MAX);
      if (buffer.length <= PINFO_CAPTURE_MAX) {
        done += buffer.length;
        break;
      }
      done += PINFO_CAPTURE_MAX;
      if (turn->head == PINFO_HEAD_ENDED || turn->captured >= PINFO_HEAD_CAPTURE_MAX)
        break;
      buffer.address += PINFO_CAPTURE_MAX;
      buffer.length -= PINFO_CAPTURE_MAX;
    }
  }
  if (done < n)
    turn->captured = PINFO_HEAD_CAPTURE_MAX; /* nothing can be read behind a gap */
}

/* n bytes were handed to the running thread. */
static __always_inline void on_received(struct connection *connection, struct thread_state *thread,
                                        const struct byte_source *source, pinfo_u64 now, pinfo_u64 n) {
  struct pinfo_turn *turn = &connection->turn;
  struct pinfo_thread_time spent;
  unsigned todo;

  thread_flush(thread);
  calls_flush(thread);
  thread_spent(thread, now, &spent);
  todo = pinfo_turn_receive(turn, now, n, thread->tid, &spent);
  if (todo & PINFO_TURN_BEGAN)
    thread->open_turns += 1;
  take_up(thread, turn->connection, turn->number, now, &spent);
  if (todo & PINFO_TURN_CAPTURE)
    capture_received(connection, thread,
                     (todo & PINFO_TURN_BEGAN) && n <= PINFO_EXCHANGE_CAPTURE_MAX, source, now, n);
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
  if (thread)
    thread_flush(thread);
  record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) {
    count_loss(PINFO_LOSS_RING_OTHER);
    return;
  }
  fill_header(&record->header, PINFO_RECORD_CLOSE, sizeof(*record), now);
  record->connection = turn->connection;
  record->bytes_in = turn->bytes_in;
  record->bytes_out = turn->bytes_out;
  record->turn = turn->number;
  record->flags = reset ? PINFO_CLOSE_RESET : 0;
  record->reserved[0] = record->reserved[1] = record->reserved[2] = 0;
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

#endif /* PINFO_BPF_CONNECTION_H */

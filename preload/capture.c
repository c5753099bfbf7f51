/* SPDX-License-Identifier: MIT */
#include "preload/capture.h"

#include <string.h>

#include "preload/describe.h"
#include "preload/exact.h"
#include "preload/sampler.h"
#include "preload/tls.h"
#include "preload/writer.h"

static void fill_header(struct pinfo_header* header, unsigned type, pinfo_u64 size, pinfo_u32 tid) {
  header->size = (pinfo_u32)size;
  header->type = (pinfo_u16)type;
  header->reserved = 0;
  header->pid = pinfo_process.pid;
  header->tid = tid;
  header->time_ns = pinfo_now();
}

/* Copies the first bytes of a vector. REQUIRES: the vector holds at least that many. */
static void copy_vector(unsigned char* to, const struct iovec* data, int count, pinfo_u64 bytes) {
  for (int i = 0; i < count && bytes > 0; ++i) {
    const pinfo_u64 part = data[i].iov_len < bytes ? data[i].iov_len : bytes;
    memcpy(to, data[i].iov_base, part);
    to += part;
    bytes -= part;
  }
}

static int try_hold(struct pinfo_thread* thread) {
  int expected = PINFO_PENDING_READY;
  return __atomic_compare_exchange_n(&thread->pending_state, &expected, PINFO_PENDING_HELD, 0,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void let_go(struct pinfo_thread* thread, enum pinfo_pending_state state) {
  __atomic_store_n(&thread->pending_state, state, __ATOMIC_RELEASE);
}

static void emit_exchange(const struct pinfo_thread* thread) {
  const struct pinfo_exchange* exchange = &thread->exchange;
  const pinfo_u64 captured = (pinfo_u64)exchange->captured + exchange->response_captured;
  const pinfo_u64 size = sizeof(*exchange) + captured;
  const struct pinfo_slot slot = pinfo_ring_reserve(size, PINFO_LOSS_RING_RECEIVED);
  if (slot.record == NULL) return;
  struct pinfo_exchange* record = slot.record;
  *record = *exchange;
  memcpy(record + 1, thread->exchange_bytes, captured);
  record->header.size = (pinfo_u32)size;
  record->header.type = PINFO_RECORD_EXCHANGE;
  record->header.reserved = 0;
  pinfo_ring_commit(slot);
}

static void emit_part(const struct pinfo_thread* thread, int request) {
  const struct pinfo_exchange* exchange = &thread->exchange;
  const pinfo_u64 captured = request ? exchange->captured : exchange->response_captured;
  const pinfo_u64 head = request ? sizeof(struct pinfo_received) : sizeof(struct pinfo_response);
  const struct pinfo_slot slot = pinfo_ring_reserve(
      head + captured, request ? PINFO_LOSS_RING_RECEIVED : PINFO_LOSS_RING_RESPONSE);
  if (slot.record == NULL) return;
  if (request)
    pinfo_exchange_to_received(exchange, slot.record);
  else
    pinfo_exchange_to_response(exchange, thread->begin_tid, slot.record);
  memcpy((unsigned char*)slot.record + head,
         thread->exchange_bytes + (request ? 0 : exchange->captured), captured);
  pinfo_ring_commit(slot);
}

/* REQUIRES: held by the caller (PINFO_PENDING_HELD). Nothing is held afterwards. */
static void emit_held(struct pinfo_thread* thread) {
  const int held = thread->held;
  thread->held = PINFO_HELD_NONE;
  if (held == PINFO_HELD_BOTH)
    emit_exchange(thread);
  else if (held != PINFO_HELD_NONE)
    emit_part(thread, held == PINFO_HELD_REQUEST);
}

void pinfo_emit_pending(struct pinfo_thread* thread) {
  if (__atomic_load_n(&thread->pending_state, __ATOMIC_RELAXED) != PINFO_PENDING_READY ||
      !pinfo_recording() || !try_hold(thread))
    return;
  emit_held(thread);
  let_go(thread, PINFO_PENDING_NONE);
}

static void emit_received(const struct pinfo_connection* connection, pinfo_u32 tid,
                          const struct iovec* data, int count, pinfo_u64 n, pinfo_u64 captured) {
  const pinfo_u64 size = sizeof(struct pinfo_received) + captured;
  const struct pinfo_slot slot = pinfo_ring_reserve(size, PINFO_LOSS_RING_RECEIVED);
  if (slot.record == NULL) return;
  const struct pinfo_turn* turn = &connection->turn;
  struct pinfo_received* record = slot.record;
  fill_header(&record->header, PINFO_RECORD_RECEIVED, size, tid);
  record->connection = turn->connection;
  record->start_ns = turn->start_ns;
  record->established_ns = 0; /* when the kernel completed the handshake is not known here */
  record->offset = turn->bytes_in - n;
  record->received = n;
  record->turn = turn->number;
  record->local_port = connection->local_port;
  record->peer_port = connection->peer_port;
  memcpy(record->local_address, connection->local_address, 16);
  memcpy(record->peer_address, connection->peer_address, 16);
  record->transport = connection->transport;
  record->flags = (pinfo_u8)((turn->partial ? PINFO_RECEIVED_PARTIAL : 0) |
                             (connection->tls >= PINFO_TLS_STREAM ? PINFO_RECEIVED_TLS : 0));
  record->captured = (pinfo_u16)captured;
  record->reserved = 0;
  if (data != NULL) copy_vector((unsigned char*)(record + 1), data, count, captured);
  pinfo_ring_commit(slot);
}

static void begin_turn(struct pinfo_connection* connection, struct pinfo_thread* thread, int fd) {
  struct pinfo_turn* turn = &connection->turn;
  if (turn->connection == 0) {
    turn->connection = __atomic_fetch_add(&pinfo_process.next_connection, 1, __ATOMIC_RELAXED);
    if (fd >= 0) pinfo_connection_describe(connection, fd);
  }
  thread->connection = turn->connection;
  thread->turn = turn->number;
  thread->answered = 0;
}

/* NONE -> HELD: the caller, or nobody, may fill in what the thread holds. */
static int begin_holding(struct pinfo_thread* thread) {
  int expected = PINFO_PENDING_NONE;
  return __atomic_compare_exchange_n(&thread->pending_state, &expected, PINFO_PENDING_HELD, 0,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* Keeps a small request's beginning until its answer. 0: it must go out as a record now. */
static int hold_request(struct pinfo_connection* connection, struct pinfo_thread* thread,
                        const struct iovec* data, int count, pinfo_u64 captured) {
  if (captured > PINFO_EXCHANGE_CAPTURE_MAX || !begin_holding(thread)) return 0;
  struct pinfo_exchange* exchange = &thread->exchange;
  exchange->header.pid = pinfo_process.pid;
  exchange->header.tid = thread->tid;
  exchange->local_port = connection->local_port;
  exchange->peer_port = connection->peer_port;
  memcpy(exchange->local_address, connection->local_address, 16);
  memcpy(exchange->peer_address, connection->peer_address, 16);
  exchange->transport = connection->transport;
  exchange->captured = (pinfo_u16)captured;
  exchange->reserved = 0;
  pinfo_exchange_received(exchange, &connection->turn, connection->turn.start_ns);
  exchange->established_ns = 0; /* when the kernel completed the handshake is not known here */
  if (connection->tls >= PINFO_TLS_STREAM) exchange->flags |= PINFO_RECEIVED_TLS;
  if (data != NULL) copy_vector(thread->exchange_bytes, data, count, captured);
  thread->begin_tid = thread->tid;
  thread->held = PINFO_HELD_REQUEST;
  connection->holder = thread;
  let_go(thread, PINFO_PENDING_READY);
  return 1;
}

void pinfo_received(struct pinfo_connection* connection, int fd, const struct iovec* data,
                    int count, pinfo_u64 n) {
  if (!pinfo_tls_hides(connection, fd, data, count, n))
    pinfo_plaintext_received(connection, fd, data, count, n);
}

void pinfo_plaintext_received(struct pinfo_connection* connection, int fd, const struct iovec* data,
                              int count, pinfo_u64 n) {
  struct pinfo_thread* thread = pinfo_thread_self();
  if (connection->write_ended || thread == NULL || !pinfo_serves()) return;
  pinfo_emit_pending(thread);
  const pinfo_u64 now = pinfo_now();
  struct pinfo_turn* turn = &connection->turn;
  struct pinfo_thread_time spent = {0, 0, 0};
  if (turn->phase != PINFO_TURN_READING) {
    pinfo_thread_turn_began(thread);
    pinfo_thread_spent(thread, now, &spent);
  }
  const unsigned todo =
      pinfo_turn_receive(turn, now, n, thread->tid, &spent, PINFO_TURN_CAPTURE_LIMIT);
  if (todo & PINFO_TURN_BEGAN) {
    begin_turn(connection, thread, fd);
    pinfo_describe_refresh(now);
  }
  if (!(todo & PINFO_TURN_CAPTURE)) return;
  pinfo_u64 captured = data != NULL ? n : 0;
  if (captured > PINFO_CAPTURE_MAX) captured = PINFO_CAPTURE_MAX;
  if (captured > PINFO_TURN_CAPTURE_LIMIT - turn->captured)
    captured = PINFO_TURN_CAPTURE_LIMIT - turn->captured;
  turn->captured += (pinfo_u32)captured;
  if (!(todo & PINFO_TURN_BEGAN) || !hold_request(connection, thread, data, count, captured))
    emit_received(connection, thread->tid, data, count, n, captured);
  if (pinfo_exact_wanted && (todo & PINFO_TURN_BEGAN))
    pinfo_exact_turn_began(connection, thread, data, count, n);
}

/* Gets what the caller holds into its hands, empty or of this turn. */
static int hold_response(struct pinfo_connection* connection, struct pinfo_thread* thread) {
  const struct pinfo_turn* turn = &connection->turn;
  struct pinfo_thread* other = connection->holder;
  if (other != NULL && other != thread && try_hold(other)) {
    /* Another thread received, or sent first: what it holds goes out before ours. */
    emit_held(other);
    let_go(other, PINFO_PENDING_NONE);
  }
  connection->holder = thread;
  if (try_hold(thread)) {
    if (thread->exchange.connection == turn->connection && thread->exchange.turn == turn->number)
      return 1;
    emit_held(thread);
  } else if (!begin_holding(thread)) {
    return 0; /* somebody is emitting it, or we are a signal handler above its owner */
  }
  thread->exchange.header.pid = pinfo_process.pid;
  thread->exchange.header.tid = thread->tid;
  thread->begin_tid = turn->begin_tid;
  pinfo_exchange_respond(&thread->exchange, turn);
  return 1;
}

/* What is spent adds up to the turn's latency, to the nanosecond. */
static void fill_spent(struct pinfo_exchange* exchange, const struct pinfo_turn* turn,
                       struct pinfo_thread* thread) {
  const pinfo_u64 latency = turn->last_out_ns - turn->start_ns;
  struct pinfo_thread_time now = {0, 0, 0};
  if (thread->tid == turn->begin_tid) {
    pinfo_thread_turn_lasted(thread, latency);
    pinfo_thread_spent(thread, turn->last_out_ns, &now);
  }
  pinfo_exchange_sent(exchange, turn, thread->tid, &now);
  if (thread->tid != turn->begin_tid) return;
  struct pinfo_thread_time* spent = &exchange->spent;
  if (spent->on_cpu_ns > latency) spent->on_cpu_ns = latency;
  if (spent->runqueue_ns > latency - spent->on_cpu_ns)
    spent->runqueue_ns = latency - spent->on_cpu_ns;
  spent->blocked_ns = latency - spent->on_cpu_ns - spent->runqueue_ns;
}

void pinfo_sent(struct pinfo_connection* connection, const struct iovec* data, int count,
                pinfo_u64 n) {
  if (!pinfo_tls_hides(connection, -1, data, count, n))
    pinfo_plaintext_sent(connection, data, count, n);
}

void pinfo_plaintext_sent(struct pinfo_connection* connection, const struct iovec* data, int count,
                          pinfo_u64 n) {
  struct pinfo_thread* thread = pinfo_thread_self();
  if (thread == NULL || !pinfo_recording()) return;
  struct pinfo_turn* turn = &connection->turn;
  const unsigned todo = pinfo_turn_send(turn, pinfo_now(), n);
  if (pinfo_exact_wanted) pinfo_exact_turn_sent(connection, thread);
  if (turn->number == 0 || !hold_response(connection, thread)) return;
  struct pinfo_exchange* exchange = &thread->exchange;
  fill_spent(exchange, turn, thread);
  /* The beginning, also where it is sent in pieces: as long as nothing is missing in between. */
  if (data != NULL &&
      ((todo & PINFO_TURN_FIRST_OUT) ||
       (exchange->response_captured != 0 && exchange->response_captured == turn->bytes_out - n))) {
    const pinfo_u64 room = PINFO_RESPONSE_CAPTURE_MAX - exchange->response_captured;
    const pinfo_u64 part = n < room ? n : room;
    copy_vector(thread->exchange_bytes + exchange->captured + exchange->response_captured, data,
                count, part);
    exchange->response_captured += (pinfo_u16)part;
  }
  if (thread->connection == turn->connection) thread->answered = 1;
  thread->held |= PINFO_HELD_RESPONSE;
  let_go(thread, PINFO_PENDING_READY);
}

/* Whether the connection's end rides on a response that was held. */
static int emit_with_end(struct pinfo_connection* connection, struct pinfo_thread* owner) {
  if (owner == NULL || !try_hold(owner)) return 0;
  const int ours = (owner->held & PINFO_HELD_RESPONSE) &&
                   owner->exchange.connection == connection->turn.connection &&
                   owner->exchange.turn == connection->turn.number;
  if (ours)
    owner->exchange.flags |= PINFO_RESPONSE_CLOSED | (connection->reset ? PINFO_RESPONSE_RESET : 0);
  emit_held(owner);
  let_go(owner, PINFO_PENDING_NONE);
  return ours;
}

void pinfo_connection_ended(struct pinfo_connection* connection) {
  const struct pinfo_turn* turn = &connection->turn;
  struct pinfo_thread* thread = pinfo_thread_self();
  if (turn->number == 0 || thread == NULL || !pinfo_recording()) return;
  if (pinfo_exact_wanted) pinfo_exact_turn_ended(connection, thread);
  if (thread->connection == turn->connection) thread->connection = 0;
  if (emit_with_end(connection, connection->holder)) return;
  const struct pinfo_slot slot =
      pinfo_ring_reserve(sizeof(struct pinfo_close), PINFO_LOSS_RING_OTHER);
  if (slot.record == NULL) return;
  struct pinfo_close* record = slot.record;
  memset(record, 0, sizeof(*record));
  fill_header(&record->header, PINFO_RECORD_CLOSE, sizeof(*record), thread->tid);
  record->connection = turn->connection;
  record->bytes_in = turn->phase == PINFO_TURN_READING ? turn->bytes_in : 0;
  record->turn = turn->number;
  record->flags = connection->reset ? PINFO_CLOSE_RESET : 0;
  pinfo_ring_commit(slot);
}

struct pinfo_wait_state pinfo_wait_begins(enum pinfo_wait kind) {
  struct pinfo_wait_state wait = {0, 0};
  struct pinfo_thread* thread = pinfo_thread_current;
  if (thread == NULL) return wait;
  wait.interrupted = thread->interrupted_waits;
  if (!pinfo_recording()) return wait;
  if (kind == PINFO_WAIT_FOR_EVENTS && thread->exact != NULL) pinfo_exact_turned_away(thread);
  pinfo_emit_pending(thread);
  if (kind == PINFO_WAIT_FOR_EVENTS || thread->answered) thread->connection = 0;
  if (thread->connection != 0) wait.began_ns = pinfo_now();
  return wait;
}

void pinfo_wait_ended(const struct pinfo_wait_state* wait) {
  struct pinfo_thread* thread = pinfo_thread_current;
  if (thread == NULL) return;
  thread->has_waited = 1;
  pinfo_other_io_ended(wait->began_ns);
}

int pinfo_wait_to_repeat(struct pinfo_wait_state* wait) {
  const struct pinfo_thread* thread = pinfo_thread_current;
  if (thread == NULL || thread->interrupted_waits == wait->interrupted) return 0;
  wait->interrupted = thread->interrupted_waits;
  return 1;
}

void pinfo_other_io_ended(pinfo_u64 began_ns) {
  if (began_ns == 0) return;
  const pinfo_u64 took = pinfo_now() - began_ns;
  if (took < PINFO_BLOCKED_SAMPLE_NS) return;
  struct pinfo_thread* thread = pinfo_thread_current;
  if (thread == NULL || thread->connection == 0 || !pinfo_recording()) return;
  thread->has_waited = 1;
  pinfo_sample_blocked(thread, took);
}

/* SPDX-License-Identifier: MIT */
#include "preload/capture.h"

#include <string.h>

#include "preload/describe.h"
#include "preload/exact.h"
#include "preload/outgoing.h"
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

/* Copies bytes [from, from + bytes) of a vector. REQUIRES: the vector holds them. */
static void copy_vector(unsigned char* to, const struct iovec* data, int count, pinfo_u64 from,
                        pinfo_u64 bytes) {
  for (int i = 0; i < count && bytes > 0; ++i) {
    if (from >= data[i].iov_len) {
      from -= data[i].iov_len;
      continue;
    }
    const pinfo_u64 here = data[i].iov_len - from;
    const pinfo_u64 part = here < bytes ? here : bytes;
    memcpy(to, (const unsigned char*)data[i].iov_base + from, part);
    from = 0;
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

/* REQUIRES: held. */
static void emit_held(struct pinfo_thread* thread) {
  struct pinfo_response* response = &thread->pending;
  const pinfo_u64 payload = (pinfo_u64)response->captured + response->front + response->back;
  const pinfo_u64 size = sizeof(*response) + payload;
  const struct pinfo_slot slot = pinfo_ring_reserve(size, PINFO_LOSS_RING_RESPONSE);
  if (slot.record == NULL) return;
  fill_header(&response->header, PINFO_RECORD_RESPONSE, size, response->header.tid);
  memcpy(slot.record, response, sizeof(*response));
  memcpy((unsigned char*)slot.record + sizeof(*response), thread->pending_capture, payload);
  pinfo_ring_commit(slot);
}

void pinfo_emit_pending(struct pinfo_thread* thread) {
  if (__atomic_load_n(&thread->pending_state, __ATOMIC_RELAXED) != PINFO_PENDING_READY ||
      !pinfo_recording() || !try_hold(thread))
    return;
  emit_held(thread);
  let_go(thread, PINFO_PENDING_NONE);
}

/* done: bytes of this call that earlier records have told of. */
static void emit_received(struct pinfo_connection* connection, struct pinfo_turn* turn,
                          pinfo_u32 tid, const struct iovec* data, int count, pinfo_u64 n,
                          pinfo_u64 done, pinfo_u64 captured) {
  const pinfo_u64 size = sizeof(struct pinfo_received) + captured;
  const struct pinfo_slot slot = pinfo_ring_reserve(
      size, turn->bytes_in - n + done != 0 ? PINFO_LOSS_RING_OTHER : PINFO_LOSS_RING_RECEIVED);
  turn->captured += (pinfo_u32)captured;
  if (slot.record == NULL) return;
  struct pinfo_received* record = slot.record;
  unsigned char* bytes = (unsigned char*)(record + 1);
  fill_header(&record->header, PINFO_RECORD_RECEIVED, size, tid);
  record->connection = turn->connection;
  record->start_ns = turn->start_ns;
  record->established_ns = 0; /* when the kernel completed the handshake is not known here */
  record->offset = turn->bytes_in - n + done;
  record->received = n - done;
  record->previous_out = turn->previous_out;
  record->turn = turn->number;
  record->local_port = connection->local_port;
  record->peer_port = connection->peer_port;
  memcpy(record->local_address, connection->local_address, 16);
  memcpy(record->peer_address, connection->peer_address, 16);
  record->transport = connection->transport;
  record->flags = (pinfo_u8)((turn->partial ? PINFO_RECEIVED_PARTIAL : 0) |
                             (turn->old && turn->number == 1 ? PINFO_RECEIVED_OLD : 0) |
                             (connection->tls >= PINFO_TLS_STREAM ? PINFO_RECEIVED_TLS : 0));
  record->captured = (pinfo_u16)captured;
  record->reserved = 0;
  copy_vector(bytes, data, count, done, captured);
  turn->head = pinfo_head_run(turn->head, bytes, captured);
  pinfo_ring_commit(slot);
}

/* Tells of the calling thread's work on its turn, from segment_ns to end. */
static void emit_segment(const struct pinfo_thread* thread, pinfo_u64 end,
                         const struct pinfo_thread_time* spent) {
  if (end <= thread->segment_ns) return;
  const struct pinfo_slot slot =
      pinfo_ring_reserve(sizeof(struct pinfo_segment), PINFO_LOSS_RING_RESPONSE);
  if (slot.record == NULL) return;
  struct pinfo_segment* record = slot.record;
  memset(record, 0, sizeof(*record));
  fill_header(&record->header, PINFO_RECORD_SEGMENT, sizeof(*record), thread->tid);
  record->header.time_ns = end;
  record->connection = thread->segment_connection;
  record->begin_ns = thread->segment_ns;
  record->end_ns = end;
  record->spent = *spent;
  record->turn = thread->turn;
  pinfo_ring_commit(slot);
}

/* The thread's time on its turn so far; adds up to the time from segment_ns to now. */
static void segment_spent(struct pinfo_thread* thread, pinfo_u64 now,
                          struct pinfo_thread_time* spent) {
  const pinfo_u64 length = now - thread->segment_ns;
  struct pinfo_thread_time total;
  pinfo_thread_turn_lasted(thread, length);
  pinfo_thread_spent(thread, now, &total);
  spent->on_cpu_ns = total.on_cpu_ns - thread->segment_spent.on_cpu_ns;
  spent->runqueue_ns = total.runqueue_ns - thread->segment_spent.runqueue_ns;
  if (spent->on_cpu_ns > length) spent->on_cpu_ns = length;
  if (spent->runqueue_ns > length - spent->on_cpu_ns)
    spent->runqueue_ns = length - spent->on_cpu_ns;
  spent->blocked_ns = length - spent->on_cpu_ns - spent->runqueue_ns;
}

/* What an answer says of its turn needs no record; an unanswered turn's time would be lost. */
static void put_turn_aside(struct pinfo_thread* thread) {
  if (thread->segment_connection != 0 && !thread->answered) {
    struct pinfo_thread_time spent;
    const pinfo_u64 now = pinfo_now();
    segment_spent(thread, now, &spent);
    emit_segment(thread, now, &spent);
  }
  thread->connection = thread->segment_connection = 0;
  thread->answered = 0;
}

/* The thread touches the turn's connection at now. */
static void take_turn_up(struct pinfo_thread* thread, const struct pinfo_turn* turn,
                         pinfo_u64 now) {
  const int same = thread->segment_connection == turn->connection && thread->turn == turn->number;
  if (!same) put_turn_aside(thread);
  thread->connection = turn->connection;
  if (same) return;
  pinfo_thread_turn_began(thread);
  thread->segment_connection = turn->connection;
  thread->turn = turn->number;
  thread->segment_ns = now;
  pinfo_thread_spent(thread, now, &thread->segment_spent);
}

void pinfo_thread_takes_up(struct pinfo_thread* thread, pinfo_u64 connection, pinfo_u32 turn,
                           pinfo_u64 now) {
  const struct pinfo_turn of = {.connection = connection, .number = turn};
  take_turn_up(thread, &of, now);
}

/* The call's bytes, or as many as are wanted. */
static void capture_received(struct pinfo_connection* connection, struct pinfo_turn* turn,
                             pinfo_u32 tid, const struct iovec* data, int count, pinfo_u64 n) {
  pinfo_u64 done = 0;
  do {
    const pinfo_u32 limit = pinfo_turn_capture_limit(turn);
    pinfo_u64 captured = data != NULL ? n - done : 0;
    if (captured > PINFO_CAPTURE_MAX) captured = PINFO_CAPTURE_MAX;
    if (captured > limit - turn->captured) captured = limit - turn->captured;
    emit_received(connection, turn, tid, data, count, n, done, captured);
    done += captured;
  } while (data != NULL && done < n && turn->head != PINFO_HEAD_ENDED &&
           turn->captured < PINFO_HEAD_CAPTURE_MAX);
  if (done < n) turn->captured = PINFO_HEAD_CAPTURE_MAX; /* nothing can be read behind a gap */
}

static void count_open_turn(struct pinfo_thread* thread, pinfo_u32 tid, int by) {
  if (thread != NULL && thread->tid == tid) /* else its slot is another thread's by now */
    __atomic_fetch_add(&thread->open_turns, by, __ATOMIC_RELAXED);
}

/* The turn is answered or over: its beginner has one less open. */
static void end_open_turn(struct pinfo_connection* connection) {
  struct pinfo_thread* beginner =
      __atomic_exchange_n(&connection->beginner, NULL, __ATOMIC_RELAXED);
  count_open_turn(beginner, connection->beginner_tid, -1);
}

/* Another thread may read the next request before the one that answered has said so: whatever the
 * order, each turn is counted up and down once. */
static void begin_open_turn(struct pinfo_connection* connection, struct pinfo_thread* thread) {
  end_open_turn(connection);
  count_open_turn(thread, thread->tid, 1);
  connection->beginner_tid = thread->tid;
  __atomic_store_n(&connection->beginner, thread, __ATOMIC_RELAXED);
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
  pinfo_calls_flush(thread);
  pinfo_emit_pending(thread);
  const pinfo_u64 now = pinfo_now();
  struct pinfo_turn* turn;
  const unsigned todo = pinfo_turn_shared_receive(&connection->turn, &pinfo_process.next_connection,
                                                  now, n, thread->tid, &turn);
  if (todo & PINFO_TURN_BEGAN) {
    begin_open_turn(connection, thread);
    if (turn->number == 1 && fd >= 0) pinfo_connection_describe(connection, fd);
    pinfo_describe_refresh(now);
  }
  take_turn_up(thread, turn, now);
  if (todo & PINFO_TURN_CAPTURE) capture_received(connection, turn, thread->tid, data, count, n);
  if (pinfo_exact_wanted && (todo & PINFO_TURN_BEGAN))
    pinfo_exact_turn_began(connection, thread, data, count, n);
}

/* Gets the caller's pending response into its hands, empty or of this turn's response under way.
 * offset: what the turn had sent before this send. */
static int hold_pending(struct pinfo_connection* connection, const struct pinfo_turn* turn,
                        struct pinfo_thread* thread, int begins, pinfo_u64 offset) {
  struct pinfo_thread* other = connection->responder;
  if (other != NULL && other != thread && try_hold(other)) {
    /* Another thread sent first: its figures go out before ours, the larger ones. */
    emit_held(other);
    let_go(other, PINFO_PENDING_NONE);
  }
  connection->responder = thread;
  if (try_hold(thread)) {
    if (!begins && thread->pending.connection == turn->connection &&
        thread->pending.turn == turn->number)
      return 1;
    emit_held(thread);
  } else {
    int expected = PINFO_PENDING_NONE;
    if (!__atomic_compare_exchange_n(&thread->pending_state, &expected, PINFO_PENDING_HELD, 0,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      return 0; /* somebody is emitting it, or we are a signal handler above its owner */
  }
  memset(&thread->pending, 0, sizeof(thread->pending));
  thread->pending.connection = turn->connection;
  thread->pending.turn = turn->number;
  thread->pending.offset = offset;
  return 1;
}

/* The response's beginning: how many of this send's bytes were captured. */
static pinfo_u64 capture_beginning(struct pinfo_turn* turn, struct pinfo_thread* thread,
                                   const struct iovec* data, int count, pinfo_u64 n) {
  static const pinfo_u64 limits[] = {PINFO_RESPONSE_CAPTURE_MAX, PINFO_RESPONSE_HEAD_MAX};
  struct pinfo_response* response = &thread->pending;
  pinfo_u64 done = 0;
  for (int i = 0; i < 2 && data != NULL && turn->out_head != PINFO_HEAD_ENDED; ++i) {
    if (turn->out_captured >= limits[i] || response->captured >= PINFO_RESPONSE_HEAD_MAX) continue;
    unsigned char* to = thread->pending_capture + response->captured;
    pinfo_u64 part = limits[i] - turn->out_captured;
    if (part > (pinfo_u64)PINFO_RESPONSE_HEAD_MAX - response->captured)
      part = PINFO_RESPONSE_HEAD_MAX - response->captured;
    if (part > n - done) part = n - done;
    copy_vector(to, data, count, done, part);
    turn->out_head = pinfo_head_run(turn->out_head, to, part);
    turn->out_captured += (pinfo_u16)part;
    response->captured += (pinfo_u16)part;
    done += part;
  }
  if (done < n) turn->out_head = PINFO_HEAD_ENDED;
  return done;
}

/* The send's first and last bytes, where it may end a chunked body. */
static void capture_end(struct pinfo_thread* thread, const struct iovec* data, int count,
                        pinfo_u64 n) {
  struct pinfo_response* response = &thread->pending;
  unsigned char* to = thread->pending_capture + response->captured;
  unsigned char last[4];
  if (data == NULL || n < sizeof(last)) return;
  response->flags |= PINFO_RESPONSE_END_SEEN;
  copy_vector(last, data, count, n - sizeof(last), sizeof(last));
  if (!pinfo_ends_lines(last)) return;
  pinfo_u64 back = n;
  pinfo_u64 all = 0;
  for (int i = 0; i < count; ++i) all += data[i].iov_len;
  /* A last chunk in a buffer of its own is told from data that look like one. */
  if (all == n && count > 1 && data[count - 1].iov_len >= sizeof("0\r\n\r\n") - 1)
    back = data[count - 1].iov_len;
  if (back > PINFO_SEND_BACK_MAX) back = PINFO_SEND_BACK_MAX;
  response->front = n > PINFO_SEND_BACK_MAX || back < n ? PINFO_SEND_FRONT_MAX : 0;
  if (response->front > n) response->front = (pinfo_u8)n;
  response->back = (pinfo_u8)back;
  copy_vector(to, data, count, 0, response->front);
  copy_vector(to + response->front, data, count, n - response->back, response->back);
}

/* What n bytes sent for the turn add to the response that the thread holds. */
static void fill_pending(struct pinfo_thread* thread, struct pinfo_turn* turn, unsigned todo,
                         const struct iovec* data, int count, pinfo_u64 n) {
  struct pinfo_response* response = &thread->pending;
  response->header.tid = thread->tid;
  response->start_ns = turn->start_ns;
  response->first_out_ns = turn->first_out_ns;
  response->last_out_ns = turn->last_out_ns;
  response->bytes_in = turn->bytes_in;
  response->bytes_out = turn->bytes_out;
  response->last_sent = n;
  response->begin_tid = turn->begin_tid;
  response->flags = turn->partial ? PINFO_RESPONSE_PARTIAL : 0;
  response->front = 0;
  response->back = 0;
  segment_spent(thread, turn->last_out_ns, &response->spent);
  if (thread->segment_ns == turn->start_ns && thread->tid == turn->begin_tid)
    response->flags |= PINFO_RESPONSE_TIMES_VALID;
  else
    emit_segment(thread, turn->last_out_ns, &response->spent);
  pinfo_u64 captured = 0;
  if (todo & (PINFO_TURN_FIRST_OUT | PINFO_TURN_MORE_OUT))
    captured = capture_beginning(turn, thread, data, count, n);
  if (captured == n)
    response->flags |= PINFO_RESPONSE_END_SEEN;
  else
    capture_end(thread, data, count, n);
  thread->answered = 1;
  thread->answered_ns = turn->last_out_ns;
}

void pinfo_send_begins(struct pinfo_send* send, struct pinfo_connection* connection) {
  send->connection = connection;
  send->sending.turn.number = 0;
  /* A forked child must have noticed that it is one: the turns under way are the parent's. */
  if (pinfo_recording()) pinfo_turn_send_begins(&connection->turn, &send->sending);
}

void pinfo_sent(struct pinfo_send* send, const struct iovec* data, int count, pinfo_u64 n) {
  if (!pinfo_tls_hides(send->connection, -1, data, count, n))
    pinfo_plaintext_sent(send, data, count, n);
  else
    pinfo_send_failed(send);
}

void pinfo_send_failed(struct pinfo_send* send) {
  if (send->sending.turn.number != 0)
    pinfo_turn_send_failed(&send->connection->turn, &send->sending);
}

void pinfo_plaintext_sent(struct pinfo_send* send, const struct iovec* data, int count,
                          pinfo_u64 n) {
  struct pinfo_connection* connection = send->connection;
  struct pinfo_turn* turn = &send->sending.turn;
  struct pinfo_thread* thread = pinfo_thread_self();
  if (turn->number == 0) return;
  if (thread == NULL || !pinfo_recording()) {
    pinfo_send_failed(send);
    return;
  }
  pinfo_calls_flush(thread);
  const int was_open = turn->phase == PINFO_TURN_READING;
  unsigned char first[8];
  int begins = 0;
  if (data != NULL && n >= sizeof(first) && turn->phase == PINFO_TURN_WRITING) {
    copy_vector(first, data, count, 0, sizeof(first));
    begins = pinfo_begins_response(first);
  }
  const unsigned todo =
      pinfo_turn_shared_send(&connection->turn, &send->sending, pinfo_now(), n, begins);
  if (was_open) end_open_turn(connection);
  if (pinfo_exact_wanted) pinfo_exact_turn_sent(connection, &send->sending, thread);
  take_turn_up(thread, turn, turn->last_out_ns);
  if (hold_pending(connection, turn, thread, begins, turn->bytes_out - n)) {
    fill_pending(thread, turn, todo, data, count, n);
    let_go(thread, PINFO_PENDING_READY);
  }
  if (todo & (PINFO_TURN_FIRST_OUT | PINFO_TURN_MORE_OUT))
    pinfo_turn_response_captured(&connection->turn, &send->sending);
}

static int emit_with_end(struct pinfo_connection* connection, const struct pinfo_turn* turn,
                         struct pinfo_thread* owner) {
  if (owner == NULL || !try_hold(owner)) return 0;
  /* While a send is under way, it is not the last that is told of the turn. */
  const int ours = owner->pending.connection == turn->connection &&
                   owner->pending.turn == turn->number && !pinfo_turn_sends(&connection->turn);
  if (ours)
    owner->pending.flags |= PINFO_RESPONSE_CLOSED | (connection->reset ? PINFO_RESPONSE_RESET : 0);
  emit_held(owner);
  let_go(owner, PINFO_PENDING_NONE);
  return ours;
}

void pinfo_connection_ended(struct pinfo_connection* connection) {
  const struct pinfo_turn* turn = pinfo_turn_under_way(&connection->turn);
  struct pinfo_thread* thread = pinfo_thread_self();
  end_open_turn(connection);
  if (turn->number == 0 || thread == NULL || !pinfo_recording()) return;
  if (pinfo_exact_wanted) pinfo_exact_turn_ended(connection, thread);
  if (thread->segment_connection == turn->connection)
    thread->connection = thread->segment_connection = 0;
  if (emit_with_end(connection, turn, connection->responder)) return;
  const struct pinfo_slot slot =
      pinfo_ring_reserve(sizeof(struct pinfo_close), PINFO_LOSS_RING_OTHER);
  if (slot.record == NULL) return;
  struct pinfo_close* record = slot.record;
  memset(record, 0, sizeof(*record));
  fill_header(&record->header, PINFO_RECORD_CLOSE, sizeof(*record), thread->tid);
  record->connection = turn->connection;
  const int reading = pinfo_order_phase(__atomic_load_n(&connection->turn.order,
                                                        __ATOMIC_RELAXED)) == PINFO_TURN_READING;
  record->bytes_in = reading ? turn->bytes_in : 0;
  record->bytes_out = pinfo_turn_bytes_out(&connection->turn);
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
  if (kind == PINFO_WAIT_FOR_EVENTS) {
    thread->event_waits += 1;
    pinfo_calls_flush(thread); /* another thread may answer */
    put_turn_aside(thread);
  } else if (thread->answered) /* the wait is the turn's only if more of the answer follows */
    thread->connection = 0;
  if (thread->connection != 0) wait.began_ns = pinfo_now();
  return wait;
}

void pinfo_wait_ended(const struct pinfo_wait_state* wait) {
  struct pinfo_thread* thread = pinfo_thread_current;
  if (thread == NULL) return;
  if (wait->began_ns != 0)
    thread->has_waited = PINFO_WAITED_WITHIN;
  else if (thread->has_waited == PINFO_WAITED_NOT)
    thread->has_waited = PINFO_WAITED_BETWEEN;
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
  if (took < pinfo_process.off_cpu_min_ns || pinfo_process.off_cpu_min_ns == 0) return;
  struct pinfo_thread* thread = pinfo_thread_current;
  if (thread == NULL || thread->connection == 0 || !pinfo_recording()) return;
  thread->has_waited = PINFO_WAITED_WITHIN;
  pinfo_sample_blocked(thread, took);
}

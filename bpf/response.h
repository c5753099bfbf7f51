/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Bytes went out. The thread gathers what it sends of one response in its pending record, and where it
 * still holds the request's beginning, that comes with it; a send
 * whose bytes tell more than its size (a head that goes on, what may be the last chunk of a body)
 * makes a record of its own.
 */
#ifndef PINFO_BPF_RESPONSE_H
#define PINFO_BPF_RESPONSE_H

#include "connection.h"

/* Whether the running thread has worked on the turn since it began and without a break. Else it is a
 * SEGMENT record that tells the thread's time. */
static __always_inline bool response_tells_time(const struct pinfo_turn *turn,
                                                const struct thread_state *thread) {
  return turn->begin_tid == thread->tid && thread->segment_ns == turn->start_ns;
}

/* All of a response record but its header's size and its payload's lengths. */
static __always_inline void fill_response(struct pinfo_response *response,
                                          const struct pinfo_turn *turn,
                                          const struct thread_state *thread,
                                          const struct pinfo_thread_time *spent, pinfo_u64 now,
                                          pinfo_u64 n) {
  response->start_ns = turn->start_ns;
  response->first_out_ns = turn->first_out_ns;
  response->last_out_ns = now;
  response->bytes_in = turn->bytes_in;
  response->bytes_out = turn->bytes_out;
  response->last_sent = n;
  response->begin_tid = turn->begin_tid;
  response->flags = turn->partial ? PINFO_RESPONSE_PARTIAL : 0;
  time_between(&thread->segment_spent, spent, &response->spent);
  if (response_tells_time(turn, thread))
    response->flags |= PINFO_RESPONSE_TIMES_VALID;
}

static __always_inline void begin_response(struct pinfo_response *response,
                                           const struct pinfo_turn *turn, pinfo_u64 n) {
  response->connection = turn->connection;
  response->turn = turn->number;
  response->offset = turn->bytes_out - n;
  response->captured = 0;
  response->front = 0;
  response->back = 0;
  response->reserved[0] = response->reserved[1] = response->reserved[2] = 0;
}

/* A record of one send that goes on with a head, or is a head longer than the pending record has
 * room for. */
static __always_inline void send_head(struct pinfo_turn *turn, const struct thread_state *thread,
                                      const struct pinfo_thread_time *spent,
                                      const struct user_buffer *buffer, pinfo_u64 now,
                                      pinfo_u64 n) {
  struct pinfo_response *record =
      bpf_ringbuf_reserve(&ring, sizeof(*record) + PINFO_RESPONSE_HEAD_MAX, 0);

  if (!record) {
    turn->out_head = PINFO_HEAD_ENDED;
    count_loss(PINFO_LOSS_RING_RESPONSE);
    return;
  }
  begin_response(record, turn, n);
  fill_response(record, turn, thread, spent, now, n);
  record->captured = copy_user(record + 1, PINFO_RESPONSE_HEAD_MAX, buffer);
  fill_header(&record->header, PINFO_RECORD_RESPONSE, sizeof(*record) + record->captured, now);
  turn->out_head = head_run(turn->out_head, (const pinfo_u8 *)(record + 1), record->captured,
                            PINFO_RESPONSE_HEAD_MAX);
  turn->out_captured += record->captured;
  if (record->captured == n)
    record->flags |= PINFO_RESPONSE_END_SEEN;
  if (record->captured < n || turn->out_captured >= PINFO_RESPONSE_HEAD_MAX)
    turn->out_head = PINFO_HEAD_ENDED;
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* A record of one send that ends with an empty line: its first and its last bytes. begins: it is
 * the response's first one, and its beginning is what was captured of it. */
static __always_inline void send_end(const struct pinfo_turn *turn,
                                     const struct thread_state *thread,
                                     const struct pinfo_thread_time *spent,
                                     const struct user_buffer *buffer, struct user_buffer *last,
                                     pinfo_u64 now, pinfo_u64 n, bool begins) {
  struct pinfo_response *record = bpf_ringbuf_reserve(
      &ring,
      sizeof(*record) + PINFO_RESPONSE_CAPTURE_MAX + PINFO_SEND_FRONT_MAX + PINFO_SEND_BACK_MAX, 0);
  pinfo_u32 payload = 0;
  pinfo_u8 *bytes;

  if (!record) {
    count_loss(PINFO_LOSS_RING_RESPONSE);
    return;
  }
  bytes = (pinfo_u8 *)(record + 1);
  begin_response(record, turn, n);
  fill_response(record, turn, thread, spent, now, n);
  record->flags |= PINFO_RESPONSE_END_SEEN;
  if (last->length > PINFO_SEND_BACK_MAX) {
    last->address += last->length - PINFO_SEND_BACK_MAX;
    last->length = PINFO_SEND_BACK_MAX;
  }
  if (begins) {
    record->captured = copy_user(bytes, PINFO_RESPONSE_CAPTURE_MAX, buffer);
    payload = record->captured;
  } else if (last->length < n && buffer->length >= PINFO_SEND_FRONT_MAX) {
    record->front = copy_user(bytes, PINFO_SEND_FRONT_MAX, buffer);
    payload = record->front;
  }
  if (payload <= PINFO_RESPONSE_CAPTURE_MAX + PINFO_SEND_FRONT_MAX) {
    record->back = copy_user(bytes + payload, PINFO_SEND_BACK_MAX, last);
    payload += record->back;
  }
  fill_header(&record->header, PINFO_RECORD_RESPONSE, sizeof(*record) + payload, now);
  bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

/* What the bytes of a send tell that only adds its size to a response. True: its end was looked at,
 * and *last is its last buffer where it ends with an empty line. */
static __always_inline bool look_at_end(const struct user_buffer *buffer, pinfo_u64 n,
                                        struct user_buffer *last) {
  pinfo_u8 bytes[4];
  bool ends;

  if (!last_buffer(buffer, n, last) || last->length < sizeof(bytes) ||
      bpf_probe_read_user(bytes, sizeof(bytes),
                          (void *)(last->address + last->length - sizeof(bytes)))) {
    last->address = 0;
    return false;
  }
  ends = pinfo_ends_lines(bytes);
  if (!ends)
    last->address = 0;
  return true;
}

static __always_inline bool buffer_begins_response(const struct user_buffer *buffer) {
  pinfo_u8 bytes[8];

  return buffer->length >= sizeof(bytes) &&
         !bpf_probe_read_user(bytes, sizeof(bytes), (void *)buffer->address) &&
         pinfo_begins_response(bytes);
}

/* The beginning of a response, into the pending record. False: its head needs more room. */
static __always_inline bool capture_beginning(struct pinfo_turn *turn, struct thread_state *thread,
                                              const struct user_buffer *buffer, pinfo_u64 n) {
  struct pinfo_response *response = &thread->pending.response;
  const pinfo_u16 captured =
      copy_user(thread->pending.bytes, PINFO_RESPONSE_CAPTURE_MAX, buffer);

  if (captured == PINFO_RESPONSE_CAPTURE_MAX && n > captured) {
    if (head_run(PINFO_HEAD_IN_LINE, thread->pending.bytes, PINFO_RESPONSE_CAPTURE_MAX,
                 PINFO_RESPONSE_CAPTURE_MAX) != PINFO_HEAD_ENDED)
      return false;
    turn->out_head = PINFO_HEAD_ENDED;
  } else if (captured < n) {
    turn->out_head = PINFO_HEAD_ENDED;
  } else if (captured >= 4 && captured <= PINFO_RESPONSE_CAPTURE_MAX &&
             pinfo_ends_lines(thread->pending.bytes + captured - 4)) {
    turn->out_head = PINFO_HEAD_ENDED; /* else not looked for: the next send tells whether it must */
  }
  turn->out_captured = captured;
  response->captured = captured;
  return true;
}

/* Whether what the thread holds, if anything, goes on with the n bytes it sends. A request's beginning
 * does only with the first bytes of its turn's response: where another thread answered first, it must
 * not come later than that answer. */
static __always_inline bool holds_only(const struct thread_state *thread,
                                       const struct pinfo_turn *turn, unsigned todo,
                                       pinfo_u64 n) {
  const struct pinfo_response *response = &thread->pending.response;
  const struct pinfo_received *request = &thread->request.received;

  if (thread->pending_active)
    return !(todo & (PINFO_TURN_FIRST_OUT | PINFO_TURN_MORE_OUT)) &&
           response->connection == turn->connection && response->turn == turn->number;
  return !thread->request_held ||
         (turn->bytes_out == n && request->connection == turn->connection &&
          request->turn == turn->number);
}

/* n bytes were handed to the kernel by the running thread. */
static __always_inline void on_sent(struct connection *connection, struct thread_state *thread,
                                    const struct byte_source *source, pinfo_u64 now, pinfo_u64 n) {
  struct pinfo_turn *turn = &connection->turn;
  struct pinfo_response *response = &thread->pending.response;
  struct pinfo_thread_time spent;
  struct user_buffer buffer;
  struct user_buffer last = {};
  bool end_seen = false;
  bool was_open;
  unsigned todo;

  if (!turn->number) {
    if (turn->established_ns || connection->seen_from_start)
      return; /* a server that speaks first: no request yet */
    pinfo_turn_begin_partial(turn, now);
  }
  buffer = source_buffer(source, n);
  was_open = turn->phase == PINFO_TURN_READING;
  todo = pinfo_turn_send(
      turn, now, n, turn->phase == PINFO_TURN_WRITING && buffer_begins_response(&buffer));
  calls_flush(thread);
  if (was_open)
    open_turn_ended(turn->begin_tid, thread);
  if (!holds_only(thread, turn, todo, n))
    thread_flush(thread);
  thread_spent(thread, now, &spent);
  take_up_to_answer(thread, turn->connection, turn->number, turn->start_ns, now, &spent);
  if (todo & PINFO_TURN_MORE_OUT) {
    if (!response_tells_time(turn, thread))
      tell_segment(thread, now, &spent);
    send_head(turn, thread, &spent, &buffer, now, n);
    return;
  }
  if (!thread->pending_active)
    begin_response(response, turn, n);
  if (todo & PINFO_TURN_FIRST_OUT) {
    if (!capture_beginning(turn, thread, &buffer, n)) {
      thread_flush(thread);
      if (!response_tells_time(turn, thread))
        tell_segment(thread, now, &spent);
      send_head(turn, thread, &spent, &buffer, now, n);
      return;
    }
    end_seen = response->captured == n;
  }
  if (!end_seen) {
    end_seen = look_at_end(&buffer, n, &last);
    if (last.address) {
      thread_flush(thread);
      if (!response_tells_time(turn, thread))
        tell_segment(thread, now, &spent);
      send_end(turn, thread, &spent, &buffer, &last, now, n, todo & PINFO_TURN_FIRST_OUT);
      return;
    }
  }
  fill_response(response, turn, thread, &spent, now, n);
  if (end_seen)
    response->flags |= PINFO_RESPONSE_END_SEEN;
  fill_header_of(&response->header, thread, PINFO_RECORD_RESPONSE,
                 sizeof(*response) + response->captured, now);
  thread->pending_active = 1;
}

#endif /* PINFO_BPF_RESPONSE_H */

/* SPDX-License-Identifier: MIT */
#include "preload/shared_turn.h"

#include <string.h>

#define PINFO_TAG_MASK ((1u << PINFO_ORDER_TAG_BITS) - 1)

/* struct pinfo_shared_turn.response: the tag above, out_head, and out_captured below. */
#define PINFO_RESPONSE_TAG_SHIFT 32
#define PINFO_RESPONSE_HEAD_SHIFT 16

static int swap(pinfo_u64* word, pinfo_u64* expected, pinfo_u64 wanted) {
  return __atomic_compare_exchange_n(word, expected, wanted, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

void pinfo_turn_reset(struct pinfo_shared_turn* shared) {
  const pinfo_u64 order = __atomic_load_n(&shared->order, __ATOMIC_RELAXED);
  const pinfo_u32 tag = (pinfo_order_tag(order) + 1) & PINFO_TAG_MASK;
  memset(shared->turns, 0, sizeof(shared->turns));
  shared->first_tag = tag;
  __atomic_store_n(&shared->order, pinfo_order_make(tag, PINFO_TURN_IDLE, 0), __ATOMIC_RELEASE);
}

/* A turn's place is overwritten from its number on, so that whoever copies it meanwhile can tell.
 */
static void put(struct pinfo_turn* place, const struct pinfo_turn* turn) {
  __atomic_store_n(&place->number, turn->number, __ATOMIC_RELAXED);
  __atomic_thread_fence(__ATOMIC_RELEASE);
  *place = *turn;
}

unsigned pinfo_turn_shared_receive(struct pinfo_shared_turn* shared, pinfo_u64* next_id,
                                   pinfo_u64 now, pinfo_u64 n, pinfo_u32 tid,
                                   struct pinfo_turn** turn) {
  const struct pinfo_thread_time unused = {0, 0, 0};
  pinfo_u64 order = __atomic_load_n(&shared->order, __ATOMIC_ACQUIRE);
  for (;;) {
    const pinfo_u32 tag = pinfo_order_tag(order);
    struct pinfo_turn* here = &shared->turns[tag % 2];
    *turn = here;
    if (pinfo_order_phase(order) == PINFO_TURN_READING)
      return pinfo_turn_receive(here, now, n, tid, &unused);
    struct pinfo_turn next = *here;
    next.phase = pinfo_order_phase(order);
    /* Of a send under way nobody knows how much it sends: one byte more says that its record is to
     * be waited for. */
    next.bytes_out =
        (order & PINFO_ORDER_BYTES_MASK) + ((order & PINFO_ORDER_SENDING) != 0 ? 1 : 0);
    if (next.connection == 0) next.connection = __atomic_fetch_add(next_id, 1, __ATOMIC_RELAXED);
    const unsigned todo = pinfo_turn_receive(&next, now, n, tid, &unused);
    *turn = &shared->turns[(tag + 1) % 2];
    put(*turn, &next);
    if (swap(&shared->order, &order,
             pinfo_order_make((tag + 1) & PINFO_TAG_MASK, PINFO_TURN_READING, 0)))
      return todo;
  }
}

void pinfo_turn_send_begins(struct pinfo_shared_turn* shared, struct pinfo_sending* sending) {
  struct pinfo_turn* turn = &sending->turn;
  pinfo_u64 order = __atomic_load_n(&shared->order, __ATOMIC_ACQUIRE);
  do {
    turn->number = 0;
    if (pinfo_order_phase(order) == PINFO_TURN_IDLE) return;
    const pinfo_u64 wanted =
        pinfo_order_make(pinfo_order_tag(order), PINFO_TURN_WRITING, order) | PINFO_ORDER_SENDING;
    if (order != wanted && !swap(&shared->order, &order, wanted)) continue;
    sending->tag = pinfo_order_tag(order);
    sending->marked = (order & PINFO_ORDER_SENDING) == 0;
    const struct pinfo_turn* place = &shared->turns[sending->tag % 2];
    const pinfo_u32 number = __atomic_load_n(&place->number, __ATOMIC_ACQUIRE);
    turn->connection = place->connection;
    turn->start_ns = place->start_ns;
    turn->bytes_in = place->bytes_in;
    turn->begin_tid = place->begin_tid;
    turn->partial = place->partial;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    turn->phase = pinfo_order_phase(order);
    turn->bytes_out = order & PINFO_ORDER_BYTES_MASK;
    /* The place may have been given to the turn after the next one: then the copy is not whole. */
    if (__atomic_load_n(&place->number, __ATOMIC_RELAXED) == number &&
        ((number + shared->first_tag) & PINFO_TAG_MASK) == sending->tag)
      turn->number = number;
    else
      order = __atomic_load_n(&shared->order, __ATOMIC_ACQUIRE);
  } while (turn->number == 0);
  const pinfo_u64 response = __atomic_load_n(&shared->response, __ATOMIC_ACQUIRE);
  const int known = response >> PINFO_RESPONSE_TAG_SHIFT == sending->tag;
  turn->out_head = known ? (response >> PINFO_RESPONSE_HEAD_SHIFT) & 3 : PINFO_HEAD_ENDED;
  turn->out_captured = known ? (pinfo_u16)response : 0;
  turn->first_out_ns = __atomic_load_n(&shared->first_out_ns, __ATOMIC_RELAXED);
  if (turn->first_out_ns < turn->start_ns) turn->first_out_ns = 0;
}

void pinfo_turn_send_failed(struct pinfo_shared_turn* shared, const struct pinfo_sending* sending) {
  pinfo_u64 order = __atomic_load_n(&shared->order, __ATOMIC_RELAXED);
  pinfo_u64 wanted;
  do {
    if (pinfo_order_tag(order) != sending->tag || !sending->marked) return;
    /* A call within this one may have sent, and told of it. */
    const int nothing = (order & PINFO_ORDER_BYTES_MASK) == sending->turn.bytes_out;
    const pinfo_u8 phase = nothing ? sending->turn.phase : pinfo_order_phase(order);
    wanted = pinfo_order_make(sending->tag, (enum pinfo_turn_phase)phase, order);
  } while (!swap(&shared->order, &order, wanted));
}

unsigned pinfo_turn_shared_send(struct pinfo_shared_turn* shared, struct pinfo_sending* sending,
                                pinfo_u64 now, pinfo_u64 n, int begins) {
  struct pinfo_turn* turn = &sending->turn;
  pinfo_u64 order = __atomic_load_n(&shared->order, __ATOMIC_RELAXED);
  while (pinfo_order_tag(order) == sending->tag) {
    const pinfo_u64 sum = (order & PINFO_ORDER_BYTES_MASK) + n;
    const pinfo_u64 mark = sending->marked ? 0 : order & PINFO_ORDER_SENDING;
    if (swap(&shared->order, &order,
             pinfo_order_make(sending->tag, PINFO_TURN_WRITING, sum) | mark)) {
      turn->bytes_out = sum - n;
      break;
    }
  }
  const unsigned todo = pinfo_turn_send(turn, now, n, begins);
  if (turn->first_out_ns == 0) turn->first_out_ns = now;
  if (todo & PINFO_TURN_FIRST_OUT) __atomic_store_n(&shared->first_out_ns, now, __ATOMIC_RELAXED);
  return todo;
}

void pinfo_turn_response_captured(struct pinfo_shared_turn* shared,
                                  const struct pinfo_sending* sending) {
  const pinfo_u64 wanted = (pinfo_u64)sending->tag << PINFO_RESPONSE_TAG_SHIFT |
                           (pinfo_u64)sending->turn.out_head << PINFO_RESPONSE_HEAD_SHIFT |
                           sending->turn.out_captured;
  pinfo_u64 response = __atomic_load_n(&shared->response, __ATOMIC_RELAXED);
  do {
    const pinfo_u32 ahead =
        ((pinfo_u32)(response >> PINFO_RESPONSE_TAG_SHIFT) - sending->tag) & PINFO_TAG_MASK;
    if (response == wanted || (ahead != 0 && ahead <= PINFO_TAG_MASK / 2)) return;
  } while (!swap(&shared->response, &response, wanted));
}

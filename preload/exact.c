/* SPDX-License-Identifier: MIT */
#include "preload/exact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "preload/exact_profile.h"
#include "preload/writer.h"

/* Payload of one record at most: a small part of the smallest ring. */
#define EXACT_PART_BYTES (24u << 10)
/* A profile that may grow is handed on no more often than this. */
#define EXACT_PAUSE_NS 10000000u

int pinfo_exact_wanted;

void pinfo_exact_configure(void) {
  const char* rule = getenv("PINFO_EXACT");
  if (rule == NULL || *rule == 0 || strcmp(rule, "0") == 0) return;
  pinfo_exact_choose_from(rule, getenv("PINFO_EXACT_MATCH"), getenv("PINFO_EXACT_EXCLUDE"));
  pinfo_exact_wanted = 1;
}

static struct pinfo_exact_profile* profile_of(struct pinfo_thread* thread) {
  if (thread->exact != NULL) return thread->exact;
  const long room = pinfo_raw(SYS_mmap, 0, sizeof(struct pinfo_exact_profile),
                              PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room > 0 || room < -4095) thread->exact = (struct pinfo_exact_profile*)room;
  return thread->exact;
}

/* ---- records ---- */

static void fill(struct pinfo_exact* record, const struct pinfo_exact_profile* profile,
                 enum pinfo_exact_state state, pinfo_u64 size) {
  memset(record, 0, sizeof(*record));
  record->header.size = (pinfo_u32)size;
  record->header.type = PINFO_RECORD_EXACT;
  record->header.pid = pinfo_process.pid;
  record->header.tid = pinfo_thread_current->tid;
  record->header.time_ns = pinfo_now();
  record->connection = profile->connection;
  record->turn = profile->turn;
  record->serial = profile->serial;
  record->state = (pinfo_u8)state;
}

static void tell(struct pinfo_exact_profile* profile, enum pinfo_exact_state state) {
  const struct pinfo_slot slot =
      pinfo_ring_reserve(sizeof(struct pinfo_exact), PINFO_LOSS_RING_EXACT);
  if (slot.record == NULL) return;
  fill(slot.record, profile, state, sizeof(struct pinfo_exact));
  pinfo_ring_commit(slot);
}

/* How many of `left` things of `each` bytes fit, taken from the room. */
static pinfo_u32 take(pinfo_u32 left, pinfo_u64 each, pinfo_u64* room) {
  const pinfo_u64 fit = *room / each;
  const pinfo_u32 taken = fit < left ? (pinfo_u32)fit : left;
  *room -= taken * each;
  return taken;
}

static void send_profile(struct pinfo_exact_profile* profile, enum pinfo_exact_state state) {
  struct pinfo_exact_table* table = &profile->table;
  const pinfo_u64 now = pinfo_now();
  const pinfo_u64 end = pinfo_exact_compile(table, now);
  pinfo_u32 functions = 0;
  pinfo_u32 edges = 0;
  profile->serial++;
  profile->sent_marks = table->marks;
  profile->sent_ns = now;
  do {
    pinfo_u64 room = EXACT_PART_BYTES;
    const pinfo_u32 f = take(table->functions - functions, sizeof(table->out_functions[0]), &room);
    const pinfo_u32 e = take(table->edges - edges, sizeof(table->out_edges[0]), &room);
    const pinfo_u64 function_bytes = f * sizeof(table->out_functions[0]);
    const pinfo_u64 edge_bytes = e * sizeof(table->out_edges[0]);
    const pinfo_u64 size = sizeof(struct pinfo_exact) + function_bytes + edge_bytes;
    const struct pinfo_slot slot = pinfo_ring_reserve(size, PINFO_LOSS_RING_EXACT);
    if (slot.record == NULL) return; /* without this part the others are of no use */
    struct pinfo_exact* record = slot.record;
    fill(record, profile, state, size);
    record->start_ns = table->began_ns;
    record->end_ns = end;
    record->uncounted_calls = table->uncounted_calls;
    record->first_function = functions;
    record->functions = f;
    record->first_edge = edges;
    record->edges = e;
    record->all_functions = table->functions;
    record->all_edges = table->edges;
    memcpy(record + 1, table->out_functions + functions, function_bytes);
    memcpy((unsigned char*)(record + 1) + function_bytes, table->out_edges + edges, edge_bytes);
    pinfo_ring_commit(slot);
    functions += f;
    edges += e;
  } while (functions < table->functions || edges < table->edges);
}

/* ---- turns ---- */

static void finish(struct pinfo_exact_profile* profile) {
  if (profile->phase == PINFO_EXACT_COUNTING) {
    profile->phase = PINFO_EXACT_IDLE; /* the hook takes itself away when it is next called */
    if (!pinfo_recording()) return;
    /* An application that has set a profile function of its own meanwhile has ended ours. */
    if (pinfo_exact_hook_stayed())
      send_profile(profile, PINFO_EXACT_WHOLE);
    else
      tell(profile, PINFO_EXACT_FOREIGN);
  } else if (profile->phase == PINFO_EXACT_FAILED) {
    profile->phase = PINFO_EXACT_IDLE;
    if (pinfo_recording()) tell(profile, (enum pinfo_exact_state)profile->failure);
  }
}

static void give_up(struct pinfo_exact_profile* profile, enum pinfo_exact_state why) {
  if (profile->phase == PINFO_EXACT_COUNTING) {
    profile->phase = PINFO_EXACT_FAILED;
    profile->failure = (int)why;
  }
}

/* A turn of this connection is no longer unanswered. */
static void close_turn(struct pinfo_connection* connection) {
  struct pinfo_thread* owner = connection->exact_owner;
  if (owner == NULL) return;
  connection->exact_owner = NULL;
  struct pinfo_exact_profile* profile = owner->exact;
  if (profile != NULL) __atomic_fetch_sub(&profile->open_turns, 1, __ATOMIC_RELAXED);
}

/* The interpreter's functions may change errno, which is the application's. */
static enum pinfo_exact_state set_hook(void) {
  const int saved_errno = errno;
  const enum pinfo_exact_state state = pinfo_exact_hook();
  errno = saved_errno;
  return state;
}

void pinfo_exact_turn_began(struct pinfo_connection* connection, struct pinfo_thread* thread,
                            const struct iovec* data, int count, pinfo_u64 n) {
  struct pinfo_exact_profile* profile = profile_of(thread);
  if (profile == NULL) return;
  close_turn(connection);
  const int others = __atomic_fetch_add(&profile->open_turns, 1, __ATOMIC_RELAXED);
  connection->exact_owner = thread;
  if (!profile->answered) give_up(profile, PINFO_EXACT_SHARED);
  finish(profile);
  if (!pinfo_exact_chosen(data, count, n)) return;
  const struct pinfo_turn* turn = pinfo_turn_under_way(&connection->turn);
  profile->connection = turn->connection;
  profile->turn = turn->number;
  profile->answered = 0;
  profile->sent_marks = 0;
  const enum pinfo_exact_state state = others > 0 ? PINFO_EXACT_SHARED : set_hook();
  tell(profile, state);
  if (state != PINFO_EXACT_BEGUN) return;
  pinfo_exact_begin(&profile->table, pinfo_now());
  profile->phase = PINFO_EXACT_COUNTING;
}

static int is_of(const struct pinfo_exact_profile* profile, const struct pinfo_turn* turn) {
  return profile->connection == turn->connection && profile->turn == turn->number;
}

void pinfo_exact_turn_sent(struct pinfo_connection* connection, const struct pinfo_sending* sending,
                           struct pinfo_thread* thread) {
  if (pinfo_turn_is_current(&connection->turn, sending)) close_turn(connection);
  struct pinfo_exact_profile* profile = thread->exact;
  if (profile == NULL || profile->phase == PINFO_EXACT_IDLE) return;
  if (is_of(profile, &sending->turn)) {
    profile->answered = 1;
    if (profile->phase == PINFO_EXACT_COUNTING) pinfo_exact_mark(&profile->table, pinfo_now());
  } else if (!profile->answered) {
    give_up(profile, PINFO_EXACT_SHARED);
  } else {
    finish(profile);
  }
}

void pinfo_exact_turn_ended(struct pinfo_connection* connection, struct pinfo_thread* thread) {
  close_turn(connection);
  struct pinfo_exact_profile* profile = thread->exact;
  if (profile != NULL && is_of(profile, pinfo_turn_under_way(&connection->turn))) finish(profile);
}

void pinfo_exact_turned_away(struct pinfo_thread* thread) {
  struct pinfo_exact_profile* profile = thread->exact;
  if (profile != NULL && profile->answered) finish(profile);
}

void pinfo_exact_waits(void) {
  const struct pinfo_thread* thread = pinfo_thread_current;
  struct pinfo_exact_profile* profile = thread != NULL ? thread->exact : NULL;
  if (profile == NULL || profile->phase != PINFO_EXACT_COUNTING || !profile->answered ||
      profile->sent_marks == profile->table.marks ||
      pinfo_now() - profile->sent_ns < EXACT_PAUSE_NS || !pinfo_recording() ||
      !pinfo_exact_hook_stayed())
    return;
  send_profile(profile, PINFO_EXACT_SO_FAR);
}

void pinfo_exact_after_fork(struct pinfo_thread* thread) {
  struct pinfo_exact_profile* profile = thread->exact;
  if (profile == NULL) return;
  profile->phase = PINFO_EXACT_IDLE;
  profile->answered = 0;
  profile->open_turns = 0;
}

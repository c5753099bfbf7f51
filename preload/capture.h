/* SPDX-License-Identifier: MIT */
/*
 * From calls to records: what arrived and left on a connection, and waits. Called after the real
 * call has succeeded, on the calling thread. Nothing here blocks, allocates or changes errno.
 *
 * Records are put off (bpf/exchange.h): a thread gathers a small request's beginning and everything
 * it sends for the turn, and hands it on when it receives on a connection, sends for another,
 * waits, closes the connection, or is sampled, so that a small request costs one record. A process
 * that is killed between these loses what its threads held: the request under way, or its answer.
 */
#ifndef PINFO_PRELOAD_CAPTURE_H
#define PINFO_PRELOAD_CAPTURE_H

#include <sys/uio.h>

#include "preload/fd_table.h"

/* Bytes of one turn's request that are carried in all. */
#define PINFO_TURN_CAPTURE_LIMIT 8192
/* A wait shorter than this is not worth a stack. */
#define PINFO_BLOCKED_SAMPLE_NS 100000u

/* n > 0 bytes came in on fd. Where data is NULL they are not at hand (splice, MSG_TRUNC). */
void pinfo_received(struct pinfo_connection* connection, int fd, const struct iovec* data,
                    int count, pinfo_u64 n);
/* The same in plaintext, out of a TLS library; fd: -1 where no socket is known. */
void pinfo_plaintext_received(struct pinfo_connection* connection, int fd, const struct iovec* data,
                              int count, pinfo_u64 n);
/* n > 0 bytes went out. data may be NULL (sendfile, splice). */
void pinfo_sent(struct pinfo_connection* connection, const struct iovec* data, int count,
                pinfo_u64 n);
void pinfo_plaintext_sent(struct pinfo_connection* connection, const struct iovec* data, int count,
                          pinfo_u64 n);
/* The last descriptor of the connection is being closed. */
void pinfo_connection_ended(struct pinfo_connection* connection);
/* Hands on what the thread holds, unless somebody else is at it. */
void pinfo_emit_pending(struct pinfo_thread* thread);

enum pinfo_wait {
  PINFO_WAIT_FOR_EVENTS, /* epoll, accept, the next bytes of a connection: the turn is put aside */
  PINFO_WAIT_WITHIN,     /* may be part of handling the turn: a lock, a timer, a back end */
};

struct pinfo_wait_state {
  pinfo_u64 began_ns; /* 0: nobody asks how long it takes */
  pinfo_u32 interrupted;
};
struct pinfo_wait_state pinfo_wait_begins(enum pinfo_wait kind);
void pinfo_wait_ended(const struct pinfo_wait_state* wait);
/* errno is EINTR and it was the sampler's signal alone that ended the wait: to be repeated. */
int pinfo_wait_to_repeat(struct pinfo_wait_state* wait);

/* Around a call on a descriptor that is no connection of ours (a file, a back end). Two loads where
 * the thread handles no turn. Before: the request goes out, for the call may take long. */
static inline pinfo_u64 pinfo_other_io_begins(void) {
  struct pinfo_thread* thread = pinfo_thread_current;
  if (thread == NULL || thread->connection == 0 || thread->answered) return 0;
  pinfo_emit_pending(thread);
  return pinfo_now();
}
void pinfo_other_io_ended(pinfo_u64 began_ns);

#endif /* PINFO_PRELOAD_CAPTURE_H */

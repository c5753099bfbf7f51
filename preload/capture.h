/* SPDX-License-Identifier: MIT */
/*
 * From calls to records: what arrived and left on a connection, and waits. Called on the calling
 * thread after the real call, for sends and waits also before it. Nothing here blocks, allocates or
 * changes errno.
 *
 * The response's record is put off: a thread gathers everything it sends for one turn and hands it
 * on when it receives on a connection, sends for another, waits, closes the connection, or is
 * sampled, so that a small request costs two records. A process that is killed between its last
 * send and its next call loses that one record: the request is there, its outcome unknown.
 */
#ifndef PINFO_PRELOAD_CAPTURE_H
#define PINFO_PRELOAD_CAPTURE_H

#include <sys/uio.h>

#include "preload/fd_table.h"

/* n > 0 bytes came in on fd. Where data is NULL they are not at hand (splice, MSG_TRUNC). */
void pinfo_received(struct pinfo_connection* connection, int fd, const struct iovec* data,
                    int count, pinfo_u64 n);
/* The same in plaintext, out of a TLS library; fd: -1 where no socket is known. */
void pinfo_plaintext_received(struct pinfo_connection* connection, int fd, const struct iovec* data,
                              int count, pinfo_u64 n);

/* A call that sends, from before it on, since another thread may receive what the peer says to it
 * before it returns (shared_turn.h). Nothing is held meanwhile: the call may never return. */
struct pinfo_send {
  struct pinfo_connection* connection;
  struct pinfo_sending sending;
};
void pinfo_send_begins(struct pinfo_send* send, struct pinfo_connection* connection);
/* n > 0 bytes went out. data may be NULL (sendfile, splice). May come again for the same call. */
void pinfo_sent(struct pinfo_send* send, const struct iovec* data, int count, pinfo_u64 n);
void pinfo_plaintext_sent(struct pinfo_send* send, const struct iovec* data, int count,
                          pinfo_u64 n);
/* Nothing did. */
void pinfo_send_failed(struct pinfo_send* send);
/* The last descriptor of the connection is being closed. */
void pinfo_connection_ended(struct pinfo_connection* connection);
/* The calling thread works for this turn from now on, as an answer to a call made for it tells. */
void pinfo_thread_takes_up(struct pinfo_thread* thread, pinfo_u64 connection, pinfo_u32 turn,
                           pinfo_u64 now);
/* Hands the pending response of the thread on, unless somebody else is at it. */
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
 * the thread handles no turn. */
static inline pinfo_u64 pinfo_other_io_begins(void) {
  const struct pinfo_thread* thread = pinfo_thread_current;
  return thread != NULL && thread->connection != 0 && !thread->answered ? pinfo_now() : 0;
}
void pinfo_other_io_ended(pinfo_u64 began_ns);

#endif /* PINFO_PRELOAD_CAPTURE_H */

/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Bytes on a connection on which the followed process does not answer: whose turn the thread works
 * for (segment.h), the calls made on it (outgoing.h), and that an SSL object is a client's (tls.h). */
#ifndef PINFO_BPF_CLIENT_H
#define PINFO_BPF_CLIENT_H

#include "tls.h"

/* n: 0 at the peer's close. */
static __always_inline void on_client_received(struct connection *connection,
                                               struct thread_state *thread, struct sock *sk,
                                               const struct byte_source *source, pinfo_u64 now,
                                               int n) {
  if (n <= 0)
    return;
  tls_note_client(thread, source, n);
  on_outgoing(connection, thread, false);
  if (connection->role == ROLE_CLIENT)
    outgoing_received(connection, thread, sk, now);
}

static __always_inline void on_client_sent(struct connection *connection,
                                           struct thread_state *thread,
                                           const struct byte_source *source, pinfo_u64 now,
                                           int n) {
  tls_note_client(thread, source, n);
  on_outgoing(connection, thread, true);
  if (connection->role == ROLE_CLIENT)
    outgoing_sent(connection, thread, now);
}

#endif /* PINFO_BPF_CLIENT_H */

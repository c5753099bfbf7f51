/* SPDX-License-Identifier: MIT */
/*
 * TLS connections. What libssl's functions hand over in plaintext is recorded; the socket with the
 * TLS records is silent.
 *
 * An SSL object on a descriptor is that descriptor's connection. One that is fed through memory
 * (asyncio) gets a connection of its own without addresses, unless a server's socket is read within
 * the call itself (Apache). Such objects are found by address in a table of a fixed size; where it
 * has no room the connection is counted as lost.
 */
#ifndef PINFO_PRELOAD_TLS_H
#define PINFO_PRELOAD_TLS_H

#include <sys/uio.h>

#include "preload/fd_table.h"

/* struct pinfo_connection.tls */
enum {
  PINFO_TLS_NOT_KNOWN = 0,
  PINFO_TLS_NONE = 1,
  PINFO_TLS_STREAM = 2, /* TLS records were seen on it */
  PINFO_TLS_OBJECT = 3, /* an SSL object gives its plaintext */
};

/* An SSL object has been made in this process: TLS records are its business. */
extern int pinfo_tls_used;

/* In the place of the object that a call is under way on: what it moves is recorded, or nobody's.
 */
#define PINFO_TLS_SETTLED ((const void*)1)
static inline void pinfo_tls_call_is_void(struct pinfo_thread* thread) {
  if (thread->tls_object != NULL) thread->tls_object = PINFO_TLS_SETTLED;
}

/* n bytes went over the connection's socket: nonzero where they are TLS records whose plaintext is
 * seen. fd is -1 where they were sent. */
int pinfo_tls_hides(struct pinfo_connection* connection, int fd, const struct iovec* data,
                    int count, pinfo_u64 n);

/* The connection of an object without a descriptor; made where create is set. NULL: none. */
struct pinfo_connection* pinfo_tls_object(const void* ssl, int create);
/* The object is about to be freed. */
void pinfo_tls_object_ends(const void* ssl);

#endif /* PINFO_PRELOAD_TLS_H */

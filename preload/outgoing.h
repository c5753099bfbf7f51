/* SPDX-License-Identifier: MIT */
/*
 * Calls that this process makes to other servers: turns, send then receive, on stream connections
 * that it opened with connect(). A call belongs to the request that its thread serves when it sends
 * (pinfo_thread.connection), as long as the thread has no other request open: bpf/outgoing.h says
 * why. What is known of no request is counted with none.
 *
 * Calls of one request to one connection, one after the other, are gathered in the thread and cost
 * one record. Called after the real call has succeeded, on the calling thread. Nothing here blocks,
 * allocates (but for the pool of connections) or changes errno.
 */
#ifndef PINFO_PRELOAD_OUTGOING_H
#define PINFO_PRELOAD_OUTGOING_H

#include <sys/socket.h>

#include "preload/fd_table.h"

/* connect() succeeded or is under way. */
void pinfo_outgoing_opened(int fd, const struct sockaddr* address, socklen_t length);
/* Bytes went out on, or came in from, a connection that has its outgoing flag set. before_ns: when
 * the call was made; 0 where nobody took the time. A thread is often preempted on its way out of a
 * send, by the server that it woke, whose work then would not count. */
void pinfo_outgoing_sent(struct pinfo_connection* connection, pinfo_u64 before_ns);
void pinfo_outgoing_received(struct pinfo_connection* connection, int fd);
/* Hands on what the caller's thread has gathered. */
void pinfo_calls_flush(struct pinfo_thread* thread);

#endif /* PINFO_PRELOAD_OUTGOING_H */

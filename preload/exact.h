/* SPDX-License-Identifier: MIT */
/*
 * --exact: true call counts and times of the Python calls of requests, through the interpreter's
 * own profile hook (PyEval_SetProfile), as cProfile takes them.
 *
 * A profile begins on the thread that received a turn's first bytes, when the call that received
 * them returns, and ends with the last byte that the thread sends for it. For the beginning the
 * thread takes the interpreter's lock (which it would do next in any case); for the end it takes
 * nothing: counting stops at once, and the hook takes itself away when it is next called.
 *
 * It stands aside, and says so, where the application has a profile function of its own, where the
 * thread serves several requests at a time, and where calls do not nest (greenlets).
 *
 * Environment: PINFO_EXACT ("all", or "1/N" of the requests that pass the filters, the first
 * always); PINFO_EXACT_MATCH and PINFO_EXACT_EXCLUDE, globs over the target's path, one a line.
 */
#ifndef PINFO_PRELOAD_EXACT_H
#define PINFO_PRELOAD_EXACT_H

#include <sys/uio.h>

#include "preload/fd_table.h"

struct pinfo_exact_profile; /* of one thread; stays with the thread's slot */

/* Asked for by the environment; set once, by the constructor. */
extern int pinfo_exact_wanted;
void pinfo_exact_configure(void);

/* A turn has begun on the calling thread, with these bytes. */
void pinfo_exact_turn_began(struct pinfo_connection* connection, struct pinfo_thread* thread,
                            const struct iovec* data, int count, pinfo_u64 n);
/* The calling thread has sent bytes of a turn, which may be over by now. */
void pinfo_exact_turn_sent(struct pinfo_connection* connection, const struct pinfo_sending* sending,
                           struct pinfo_thread* thread);
/* The connection ends. */
void pinfo_exact_turn_ended(struct pinfo_connection* connection, struct pinfo_thread* thread);
/* The calling thread waits for whatever comes next: an answered turn is over. */
void pinfo_exact_turned_away(struct pinfo_thread* thread);
/* The calling thread waits for a semaphore, as threads of a pool do when they have nothing to do:
 * hands on what there is of an answered turn. */
void pinfo_exact_waits(void);
void pinfo_exact_after_fork(struct pinfo_thread* thread);

#endif /* PINFO_PRELOAD_EXACT_H */

/* SPDX-License-Identifier: MIT */
/*
 * Stack samples: registers and the used part of the stack, copied straight into the ring.
 *
 * On-CPU: one POSIX timer a thread on its CPU clock, so only running threads are ever signalled and
 * a sleeping one never wakes with EINTR. The signal is the highest real-time one that is free when
 * recording begins (else SIGPROF if that is free), SA_RESTART | SA_ONSTACK. It is hidden from the
 * application: sigaction() shows and keeps the application's own action, and foreign arrivals of
 * that signal are handed to it. A thread that blocks the signal is not sampled.
 * Blocked: taken by the thread itself when a long wait within a turn returns.
 */
#ifndef PINFO_PRELOAD_SAMPLER_H
#define PINFO_PRELOAD_SAMPLER_H

#include <signal.h>

#include "preload/thread.h"

void pinfo_sampler_start(void); /* all threads known so far; no-op where hz is 0 */
void pinfo_sampler_start_thread(struct pinfo_thread* thread);
void pinfo_sampler_stop_thread(struct pinfo_thread* thread);
void pinfo_sample_blocked(struct pinfo_thread* thread, pinfo_u64 duration_ns);

/* The sampler's signal, 0 while there is none. */
int pinfo_sampler_signal(void);
/* What sigaction() does for that signal: keeps and shows the application's action only. */
void pinfo_sampler_shadow(const struct sigaction* action, struct sigaction* old);

#endif /* PINFO_PRELOAD_SAMPLER_H */

/* SPDX-License-Identifier: MIT */
/*
 * Stack samples: registers and the used part of the stack, copied straight into the ring.
 *
 * On-CPU: one POSIX timer a thread on its CPU clock, so only running threads are ever signalled and
 * a sleeping one never wakes with EINTR. The signal is the highest real-time one that is free when
 * recording begins and that the thread which begins it does not block (else SIGPROF if that is
 * free), SA_RESTART | SA_ONSTACK. It is hidden from the application: sigaction() shows its default
 * action. When the application sets an action of its own, or a signalfd, the sampler moves to
 * another signal. A thread is not sampled while it blocks the signal, or has an alternate signal
 * stack that is too small. Blocked: taken by the thread itself when a long wait within a turn
 * returns.
 */
#ifndef PINFO_PRELOAD_SAMPLER_H
#define PINFO_PRELOAD_SAMPLER_H

#include <signal.h>

#include "preload/thread.h"

void pinfo_sampler_start(void); /* all threads known so far; no-op where hz is 0 */
void pinfo_sampler_start_thread(struct pinfo_thread* thread);
void pinfo_sampler_pause_thread(struct pinfo_thread* thread);
void pinfo_sampler_stop_thread(struct pinfo_thread* thread); /* it ends */
void pinfo_sampler_stop(void);                               /* all threads */
/* The application wants these signals for itself: the sampler moves on if one is its own. */
void pinfo_sampler_avoid(const sigset_t* set);
void pinfo_sample_blocked(struct pinfo_thread* thread, pinfo_u64 duration_ns);

/* The sampler's signal, 0 while there is none. */
int pinfo_sampler_signal(void);
/* The signal is from one of the sampler's timers. */
int pinfo_sampler_sent(const siginfo_t* info);
/* What sigaction() to the default action does for that signal. */
void pinfo_sampler_shadow(const struct sigaction* action, struct sigaction* old);

#endif /* PINFO_PRELOAD_SAMPLER_H */

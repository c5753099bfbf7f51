/* SPDX-License-Identifier: MIT */
/* What the parts of --exact share: one thread's profile, and the interpreter's side of it. */
#ifndef PINFO_PRELOAD_EXACT_PROFILE_H
#define PINFO_PRELOAD_EXACT_PROFILE_H

#include <sys/uio.h>

#include "preload/exact_table.h"
#include "preload/thread.h"

enum pinfo_exact_phase {
  PINFO_EXACT_IDLE = 0, /* the hook, if it is set, takes itself away */
  PINFO_EXACT_COUNTING = 1,
  PINFO_EXACT_FAILED = 2, /* counting has stopped; the turn's end tells */
};

struct pinfo_exact_profile {
  int phase; /* enum pinfo_exact_phase; the owner's thread only */
  int failure; /* enum pinfo_exact_state */
  pinfo_u64 connection;
  pinfo_u32 turn;
  pinfo_u32 serial;
  int answered;
  pinfo_u32 sent_marks; /* marks of the table when the last record was sent */
  pinfo_u64 sent_ns;    /* when that was */
  int open_turns;       /* begun on this thread and not yet answered; atomic */
  struct pinfo_exact_table table;
};

/* Sets the hook for the calling thread. PINFO_EXACT_BEGUN, or why not. */
enum pinfo_exact_state pinfo_exact_hook(void);
/* It has been there ever since, for all that can be told. */
int pinfo_exact_hook_stayed(void);

/* Which requests. */
void pinfo_exact_choose_from(const char* rule, const char* match, const char* exclude);
int pinfo_exact_chosen(const struct iovec* data, int count, pinfo_u64 n);

#endif /* PINFO_PRELOAD_EXACT_PROFILE_H */

/* SPDX-License-Identifier: MIT */
/*
 * Counting the calls on one thread, exactly as cProfile does (Modules/_lsprof.c of CPython): a
 * function's and an edge's calls, those that did not recur, own time, and total time with recursion
 * counted once. Pure: no calls, no clock; one thread at a time. The memory is bounded; it comes
 * zeroed and is touched only as far as it is needed.
 *
 * A profile is to end with the last byte of a response, and which byte is the last is known only
 * later. So what is counted after a mark (a send) is kept apart until the next mark confirms it,
 * and left out if none comes: compiling gives the profile as of the last mark, with every call that
 * was under way then ended at that time.
 */
#ifndef PINFO_PRELOAD_EXACT_TABLE_H
#define PINFO_PRELOAD_EXACT_TABLE_H

#include "bpf/exact_limits.h"
#include "bpf/wire.h"

#define PINFO_EXACT_DEPTH 1024u
/* No edge: called by something outside of the profile. */
#define PINFO_EXACT_NO_EDGE 0xffffffffu

struct pinfo_exact_figures {
  pinfo_u32 calls;
  pinfo_u32 primitive_calls;
  pinfo_u64 self_ns;
  pinfo_u64 total_ns;
};

/* Of a function or of an edge. late: since the mark of that number. */
struct pinfo_exact_counts {
  struct pinfo_exact_figures until;
  struct pinfo_exact_figures late;
  pinfo_u32 late_mark;
  pinfo_u32 open; /* calls under way */
};

struct pinfo_exact_call {
  pinfo_u64 frame; /* whose call it is; of C functions the calling one */
  pinfo_u64 began_ns;
  pinfo_u64 inner_ns; /* in what it called */
  pinfo_u32 function;
  pinfo_u32 edge; /* from the call around it, or PINFO_EXACT_NO_EDGE */
  pinfo_u32 is_c;
  pinfo_u32 reserved;
};

struct pinfo_exact_table {
  pinfo_u64 began_ns;
  pinfo_u64 marked_ns;
  pinfo_u64 uncounted_calls;
  pinfo_u32 marks;
  pinfo_u32 functions;
  pinfo_u32 edges;
  pinfo_u32 depth;
  pinfo_u32 beyond; /* calls under way that found no room; they nest within the last one kept */
  pinfo_u32 marked_depth;
  struct pinfo_exact_call calls[PINFO_EXACT_DEPTH];
  struct pinfo_exact_call marked_calls[PINFO_EXACT_DEPTH];
  pinfo_u32 function_slots[2 * PINFO_EXACT_FUNCTIONS_MAX]; /* index + 1; 0: free */
  pinfo_u32 edge_slots[2 * PINFO_EXACT_EDGES_MAX];
  struct {
    pinfo_u64 code;
    pinfo_u32 identity;
    pinfo_u32 reserved;
    struct pinfo_exact_counts counts;
  } function[PINFO_EXACT_FUNCTIONS_MAX];
  struct {
    pinfo_u64 ends; /* caller << 32 | callee */
    struct pinfo_exact_counts counts;
  } edge[PINFO_EXACT_EDGES_MAX];
  /* Compiled. */
  struct pinfo_exact_function out_functions[PINFO_EXACT_FUNCTIONS_MAX];
  struct pinfo_exact_edge out_edges[PINFO_EXACT_EDGES_MAX];
  pinfo_u32 out_open[PINFO_EXACT_EDGES_MAX]; /* zero but while compiling */
};

void pinfo_exact_begin(struct pinfo_exact_table* table, pinfo_u64 now);
/* A call begins. Returns whether the function is new to this profile. */
int pinfo_exact_enter(struct pinfo_exact_table* table, pinfo_u64 code, pinfo_u32 identity,
                      pinfo_u64 frame, int is_c, pinfo_u64 now);
/* A call ends. One that began before the profile is none of ours. Returns 0 where it is not the
 * innermost call under way: the profile cannot be right. */
int pinfo_exact_leave(struct pinfo_exact_table* table, pinfo_u64 frame, int is_c, pinfo_u64 now);
/* What has been counted so far belongs to the profile. */
void pinfo_exact_mark(struct pinfo_exact_table* table, pinfo_u64 now);
/* Fills in out_functions and out_edges as of the last mark, or of now where there was none. Returns
 * the time the profile ends at. The table can be counted into further. */
pinfo_u64 pinfo_exact_compile(struct pinfo_exact_table* table, pinfo_u64 now);

#endif /* PINFO_PRELOAD_EXACT_TABLE_H */

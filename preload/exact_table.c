/* SPDX-License-Identifier: MIT */
#include "preload/exact_table.h"

#include <string.h>

void pinfo_exact_begin(struct pinfo_exact_table* table, pinfo_u64 now) {
  if (table->functions != 0) {
    memset(table->function_slots, 0, sizeof(table->function_slots));
    memset(table->edge_slots, 0, sizeof(table->edge_slots));
  }
  table->began_ns = now;
  table->marked_ns = 0;
  table->uncounted_calls = 0;
  table->marks = 0;
  table->functions = table->edges = 0;
  table->depth = table->beyond = table->marked_depth = 0;
}

static pinfo_u64 mixed(pinfo_u64 value) {
  value *= 0x9e3779b97f4a7c15ull;
  return value ^ value >> 32;
}

/* The function's index; PINFO_EXACT_FUNCTIONS_MAX where there is no room. */
static pinfo_u32 function_of(struct pinfo_exact_table* table, pinfo_u64 code, pinfo_u32 identity,
                             int* is_new) {
  const pinfo_u64 slots = 2 * PINFO_EXACT_FUNCTIONS_MAX;
  pinfo_u64 at = mixed(code) % slots;
  pinfo_u32 index;
  while ((index = table->function_slots[at]) != 0) {
    if (table->function[index - 1].code == code && table->function[index - 1].identity == identity)
      return index - 1;
    at = (at + 1) % slots;
  }
  if (table->functions == PINFO_EXACT_FUNCTIONS_MAX) return PINFO_EXACT_FUNCTIONS_MAX;
  index = table->functions++;
  table->function_slots[at] = index + 1;
  memset(&table->function[index], 0, sizeof(table->function[index]));
  table->function[index].code = code;
  table->function[index].identity = identity;
  *is_new = 1;
  return index;
}

static pinfo_u32 edge_of(struct pinfo_exact_table* table, pinfo_u32 caller, pinfo_u32 callee) {
  const pinfo_u64 slots = 2 * PINFO_EXACT_EDGES_MAX;
  const pinfo_u64 ends = (pinfo_u64)caller << 32 | callee;
  pinfo_u64 at = mixed(ends) % slots;
  pinfo_u32 index;
  while ((index = table->edge_slots[at]) != 0) {
    if (table->edge[index - 1].ends == ends) return index - 1;
    at = (at + 1) % slots;
  }
  if (table->edges == PINFO_EXACT_EDGES_MAX) return PINFO_EXACT_NO_EDGE;
  index = table->edges++;
  table->edge_slots[at] = index + 1;
  memset(&table->edge[index], 0, sizeof(table->edge[index]));
  table->edge[index].ends = ends;
  return index;
}

int pinfo_exact_enter(struct pinfo_exact_table* table, pinfo_u64 code, pinfo_u32 identity,
                      pinfo_u64 frame, int is_c, pinfo_u64 now) {
  int is_new = 0;
  pinfo_u32 edge = PINFO_EXACT_NO_EDGE;
  pinfo_u32 function = PINFO_EXACT_FUNCTIONS_MAX;
  if (table->beyond == 0 && table->depth < PINFO_EXACT_DEPTH)
    function = function_of(table, code, identity, &is_new);
  if (function != PINFO_EXACT_FUNCTIONS_MAX && table->depth > 0)
    edge = edge_of(table, table->calls[table->depth - 1].function, function);
  if (function == PINFO_EXACT_FUNCTIONS_MAX || (table->depth > 0 && edge == PINFO_EXACT_NO_EDGE)) {
    table->beyond++;
    table->uncounted_calls++;
    return is_new;
  }
  table->function[function].counts.open++;
  if (edge != PINFO_EXACT_NO_EDGE) table->edge[edge].counts.open++;
  table->calls[table->depth++] = (struct pinfo_exact_call){
      frame, now, 0, function, edge, is_c != 0, 0};
  return is_new;
}

static void add(struct pinfo_exact_figures* to, const struct pinfo_exact_figures* from) {
  to->calls += from->calls;
  to->primitive_calls += from->primitive_calls;
  to->self_ns += from->self_ns;
  to->total_ns += from->total_ns;
}

static void count(struct pinfo_exact_counts* counts, pinfo_u32 mark, pinfo_u64 self,
                  pinfo_u64 total) {
  struct pinfo_exact_figures* figures = &counts->until;
  if (mark != 0) {
    if (counts->late_mark != mark) {
      if (counts->late_mark != 0) add(&counts->until, &counts->late);
      memset(&counts->late, 0, sizeof(counts->late));
      counts->late_mark = mark;
    }
    figures = &counts->late;
  }
  figures->calls++;
  figures->self_ns += self;
  if (--counts->open == 0) {
    figures->primitive_calls++;
    figures->total_ns += total;
  }
}

int pinfo_exact_leave(struct pinfo_exact_table* table, pinfo_u64 frame, int is_c, pinfo_u64 now) {
  if (table->beyond > 0) {
    table->beyond--;
    return 1;
  }
  if (table->depth == 0) return 1;
  const struct pinfo_exact_call* call = &table->calls[table->depth - 1];
  if (call->frame != frame || call->is_c != (is_c != 0)) return 0;
  const pinfo_u64 total = now - call->began_ns;
  const pinfo_u64 self = total - call->inner_ns;
  count(&table->function[call->function].counts, table->marks, self, total);
  if (call->edge != PINFO_EXACT_NO_EDGE)
    count(&table->edge[call->edge].counts, table->marks, self, total);
  table->depth--;
  if (table->depth > 0) table->calls[table->depth - 1].inner_ns += total;
  return 1;
}

void pinfo_exact_mark(struct pinfo_exact_table* table, pinfo_u64 now) {
  table->marks++;
  table->marked_ns = now;
  table->marked_depth = table->depth;
  memcpy(table->marked_calls, table->calls, table->depth * sizeof(table->calls[0]));
}

/* What of it lies before the last mark. */
static struct pinfo_exact_figures confirmed(const struct pinfo_exact_counts* counts,
                                            pinfo_u32 marks) {
  struct pinfo_exact_figures figures = counts->until;
  if (counts->late_mark != 0 && counts->late_mark != marks) add(&figures, &counts->late);
  return figures;
}

/* Ends the calls that were under way, the innermost first. */
static void end_calls(struct pinfo_exact_table* table, struct pinfo_exact_call* calls,
                      pinfo_u32 depth, pinfo_u64 now) {
  for (pinfo_u32 i = 0; i < depth; ++i) {
    table->out_functions[calls[i].function].reserved++;
    if (calls[i].edge != PINFO_EXACT_NO_EDGE) table->out_open[calls[i].edge]++;
  }
  for (pinfo_u32 i = depth; i-- > 0;) {
    const pinfo_u64 total = now - calls[i].began_ns;
    const pinfo_u64 self = total - calls[i].inner_ns;
    struct pinfo_exact_function* function = &table->out_functions[calls[i].function];
    function->calls++;
    function->self_ns += self;
    if (--function->reserved == 0) {
      function->primitive_calls++;
      function->total_ns += total;
    }
    if (i > 0) calls[i - 1].inner_ns += total;
    if (calls[i].edge == PINFO_EXACT_NO_EDGE) continue;
    struct pinfo_exact_edge* edge = &table->out_edges[calls[i].edge];
    edge->calls++;
    edge->self_ns += self;
    if (--table->out_open[calls[i].edge] == 0) {
      edge->primitive_calls++;
      edge->total_ns += total;
    }
  }
}

pinfo_u64 pinfo_exact_compile(struct pinfo_exact_table* table, pinfo_u64 now) {
  if (table->marks == 0) {
    table->marked_ns = now;
    table->marked_depth = table->depth;
    memcpy(table->marked_calls, table->calls, table->depth * sizeof(table->calls[0]));
  }
  for (pinfo_u32 i = 0; i < table->functions; ++i) {
    const struct pinfo_exact_figures f = confirmed(&table->function[i].counts, table->marks);
    table->out_functions[i] = (struct pinfo_exact_function){
        table->function[i].code, table->function[i].identity, f.calls, f.primitive_calls, 0,
        f.self_ns, f.total_ns};
  }
  for (pinfo_u32 i = 0; i < table->edges; ++i) {
    const struct pinfo_exact_figures f = confirmed(&table->edge[i].counts, table->marks);
    table->out_edges[i] = (struct pinfo_exact_edge){
        (pinfo_u32)(table->edge[i].ends >> 32), (pinfo_u32)table->edge[i].ends,
        f.calls, f.primitive_calls, f.self_ns, f.total_ns};
  }
  end_calls(table, table->marked_calls, table->marked_depth, table->marked_ns);
  /* Compiled again without another mark, the calls must begin from the same figures. */
  for (pinfo_u32 i = 0; i + 1 < table->marked_depth; ++i)
    table->marked_calls[i].inner_ns -= table->marked_ns - table->marked_calls[i + 1].began_ns;
  return table->marked_ns;
}

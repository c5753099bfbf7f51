/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* How large an exact profile (struct pinfo_exact) can be: its producer's tables, and what its reader
 * takes for possible. */
#ifndef PINFO_BPF_EXACT_LIMITS_H
#define PINFO_BPF_EXACT_LIMITS_H

#define PINFO_EXACT_FUNCTIONS_MAX 4096u
#define PINFO_EXACT_EDGES_MAX 8192u

#endif /* PINFO_BPF_EXACT_LIMITS_H */

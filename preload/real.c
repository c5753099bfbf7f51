/* SPDX-License-Identifier: MIT */
#include "preload/real.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

struct pinfo_real_functions pinfo_real;
int pinfo_real_done;

static __thread int resolving __attribute__((tls_model("initial-exec")));

/* pthread_cond_* exist in two versions; RTLD_NEXT would give the older one on some systems. */
static void resolve_versioned(void* slot, const char* name, const char* version) {
  void* function = dlvsym(RTLD_NEXT, name, version);
  if (function != NULL) memcpy(slot, &function, sizeof(function));
}

static void resolve(void* slot, const char* name) {
  void* function = dlsym(RTLD_NEXT, name);
  memcpy(slot, &function, sizeof(function));
}

void pinfo_real_resolve(void) {
  if (resolving) return;
  resolving = 1;
#define PINFO_REAL_LOOK_UP(name) resolve(&pinfo_real.p_##name, #name);
  PINFO_REAL_FUNCTIONS(PINFO_REAL_LOOK_UP)
#undef PINFO_REAL_LOOK_UP
  resolve_versioned(&pinfo_real.p_pthread_cond_wait, "pthread_cond_wait", "GLIBC_2.3.2");
  resolve_versioned(&pinfo_real.p_pthread_cond_timedwait, "pthread_cond_timedwait", "GLIBC_2.3.2");
  __atomic_store_n(&pinfo_real_done, 1, __ATOMIC_RELEASE);
  resolving = 0;
}

/* SPDX-License-Identifier: MIT */
#include "preload/openssl.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "preload/real.h"

/* Where each function's pointer goes, and the version it came with in either libssl; NULL: none
 * (util/libssl.num of OpenSSL 1.1.1 and 3.3). */
static const struct {
  const char* name;
  size_t slot;
  const char* version[2];
} functions[] = {
    {"SSL_read", offsetof(struct pinfo_openssl, read), {"OPENSSL_1_1_0", "OPENSSL_3.0.0"}},
    {"SSL_read_ex", offsetof(struct pinfo_openssl, read_ex), {"OPENSSL_1_1_1", "OPENSSL_3.0.0"}},
    {"SSL_read_early_data",
     offsetof(struct pinfo_openssl, read_early_data),
     {"OPENSSL_1_1_1", "OPENSSL_3.0.0"}},
    {"SSL_write", offsetof(struct pinfo_openssl, write), {"OPENSSL_1_1_0", "OPENSSL_3.0.0"}},
    {"SSL_write_ex", offsetof(struct pinfo_openssl, write_ex), {"OPENSSL_1_1_1", "OPENSSL_3.0.0"}},
    {"SSL_write_ex2", offsetof(struct pinfo_openssl, write_ex2), {NULL, "OPENSSL_3.3.0"}},
    {"SSL_sendfile", offsetof(struct pinfo_openssl, sendfile), {NULL, "OPENSSL_3.0.0"}},
    {"SSL_new", offsetof(struct pinfo_openssl, new_object), {"OPENSSL_1_1_0", "OPENSSL_3.0.0"}},
    {"SSL_free", offsetof(struct pinfo_openssl, free_object), {"OPENSSL_1_1_0", "OPENSSL_3.0.0"}},
    {"SSL_get_rfd", offsetof(struct pinfo_openssl, get_rfd), {"OPENSSL_1_1_0", "OPENSSL_3.0.0"}},
    {"SSL_is_server",
     offsetof(struct pinfo_openssl, is_server),
     {"OPENSSL_1_1_0", "OPENSSL_3.0.0"}},
};

/* Found once a caller and generation, never changed. A full table only costs the look-up. */
#define PINFO_CALLERS 256
enum { PINFO_CALLER_EMPTY, PINFO_CALLER_FILLING, PINFO_CALLER_READY };
static struct known_caller {
  int state;
  unsigned generation;
  const void* address;
  struct pinfo_openssl found;
} callers[PINFO_CALLERS];
static unsigned generation;

static int look_up(struct pinfo_openssl* found, enum pinfo_openssl_version version, void* scope) {
  for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); ++i) {
    const char* wanted = functions[i].version[version];
    void* function = wanted != NULL ? dlvsym(scope, functions[i].name, wanted) : NULL;
    memcpy((char*)found + functions[i].slot, &function, sizeof(function));
  }
  return found->read != NULL;
}

static void resolve(struct pinfo_openssl* found, enum pinfo_openssl_version version,
                    const void* caller) {
  Dl_info info;
  struct link_map* map = NULL;
  if (look_up(found, version, RTLD_NEXT) || PINFO_REAL(dlopen) == NULL ||
      dladdr1(caller, &info, (void**)&map, RTLD_DL_LINKMAP) == 0 || map == NULL ||
      map->l_name[0] == 0) /* the program itself: its libssl is in the global scope */
    return;
  /* It is loaded: this only counts, for the time of the look-up. */
  void* library = pinfo_real.p_dlopen(map->l_name, RTLD_LAZY | RTLD_NOLOAD);
  if (library == NULL) return;
  look_up(found, version, library);
  pinfo_real.p_dlclose(library);
}

void pinfo_openssl_of(struct pinfo_openssl* found, enum pinfo_openssl_version version,
                      const void* caller) {
  const unsigned now = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
  const size_t first = ((size_t)caller >> 2) % PINFO_CALLERS;
  for (size_t i = 0; i < PINFO_CALLERS; ++i) {
    struct known_caller* known = &callers[(first + i) % PINFO_CALLERS];
    int state = __atomic_load_n(&known->state, __ATOMIC_ACQUIRE);
    if (state == PINFO_CALLER_READY && known->address == caller && known->generation == now) {
      *found = known->found;
      return;
    }
    if (state != PINFO_CALLER_EMPTY) continue;
    resolve(found, version, caller);
    if (__atomic_compare_exchange_n(&known->state, &state, PINFO_CALLER_FILLING, 0,
                                    __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
      known->address = caller;
      known->generation = now;
      known->found = *found;
      __atomic_store_n(&known->state, PINFO_CALLER_READY, __ATOMIC_RELEASE);
    }
    return;
  }
  resolve(found, version, caller);
}

void pinfo_openssl_forget(void) { __atomic_fetch_add(&generation, 1, __ATOMIC_ACQ_REL); }

/* SPDX-License-Identifier: MIT */
/*
 * The libssl behind a hooked call.
 *
 * The hooks exist only under libssl's own symbol versions (libpinfo.map), so a program that looks
 * whether there is an SSL_read finds what it would find without the shim. A process may hold several
 * libssl, some known to nobody but the library that loaded them (Python's _ssl, a wheel with its own
 * copy): which one a caller means is what the dynamic linker would have bound it to, the process's
 * global scope first, then the caller's own dependencies. What is found is kept by the caller's
 * address until the next dlclose.
 */
#ifndef PINFO_PRELOAD_OPENSSL_H
#define PINFO_PRELOAD_OPENSSL_H

#include <stddef.h>
#include <sys/types.h>

enum pinfo_openssl_version {
  PINFO_OPENSSL_1_1,
  PINFO_OPENSSL_3,
};

/* NULL: this libssl has no such function. Declared as in ssl.h, with void for SSL. */
struct pinfo_openssl {
  int (*read)(void* ssl, void* buffer, int size);
  int (*read_ex)(void* ssl, void* buffer, size_t size, size_t* done);
  int (*read_early_data)(void* ssl, void* buffer, size_t size, size_t* done);
  int (*write)(void* ssl, const void* buffer, int size);
  int (*write_ex)(void* ssl, const void* buffer, size_t size, size_t* done);
  int (*write_ex2)(void* ssl, const void* buffer, size_t size, unsigned long flags, size_t* done);
  ssize_t (*sendfile)(void* ssl, int fd, off_t offset, size_t size, int flags);
  void* (*new_object)(void* context);
  void (*free_object)(void* ssl);
  int (*get_rfd)(const void* ssl);
  int (*is_server)(const void* ssl);
};

/* Fills in what the caller (a return address) is bound to. */
void pinfo_openssl_of(struct pinfo_openssl* found, enum pinfo_openssl_version version,
                      const void* caller);

/* A library is about to be unloaded or has been: nothing found so far is believed any more. */
void pinfo_openssl_forget(void);

#endif /* PINFO_PRELOAD_OPENSSL_H */

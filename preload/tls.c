/* SPDX-License-Identifier: MIT */
#include "preload/tls.h"

#include <string.h>
#include <sys/mman.h>

#include "preload/writer.h"

#define PINFO_TLS_OBJECTS 65536u
/* Slots looked at for one object. */
#define PINFO_TLS_REACH 32u

int pinfo_tls_used;

/* Address of the SSL object, 0 for a slot never used, 1 for one used before. An object is one
 * thread's at a time, so nobody else changes its slot while it is looked up. */
static struct tls_slot {
  unsigned long ssl;
  struct pinfo_connection* connection;
}* table;

static struct tls_slot* map_table(void) {
  struct tls_slot* mapped = __atomic_load_n(&table, __ATOMIC_ACQUIRE);
  if (mapped != NULL) return mapped;
  const unsigned long bytes = PINFO_TLS_OBJECTS * sizeof(struct tls_slot);
  const long fresh =
      pinfo_raw(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (fresh < 0 && fresh > -4096) return NULL;
  if (__atomic_compare_exchange_n(&table, &mapped, (struct tls_slot*)fresh, 0, __ATOMIC_ACQ_REL,
                                  __ATOMIC_ACQUIRE))
    return (struct tls_slot*)fresh;
  pinfo_raw(SYS_munmap, fresh, bytes);
  return mapped;
}

/* Knuth's multiplicative hashing: allocations are aligned, their low bits all alike. */
static unsigned slot_number(const void* ssl, unsigned step) {
  return (unsigned)(((unsigned long)ssl * 0x9E3779B97F4A7C15ul) >> 48) + step;
}

static struct tls_slot* find(const void* ssl) {
  struct tls_slot* slots = __atomic_load_n(&table, __ATOMIC_ACQUIRE);
  if (ssl == NULL) return NULL; /* SSL_free(NULL) is no mistake */
  for (unsigned i = 0; slots != NULL && i < PINFO_TLS_REACH; ++i) {
    struct tls_slot* slot = &slots[slot_number(ssl, i) % PINFO_TLS_OBJECTS];
    const unsigned long held = __atomic_load_n(&slot->ssl, __ATOMIC_ACQUIRE);
    if (held == (unsigned long)ssl) return slot;
    if (held == 0) return NULL;
  }
  return NULL;
}

static struct pinfo_connection* add(const void* ssl) {
  struct tls_slot* slots = map_table();
  struct pinfo_connection* connection = slots != NULL ? pinfo_connection_without_fd() : NULL;
  if (connection == NULL) {
    pinfo_ring_count_loss(PINFO_LOSS_CONNECTION_MAP);
    return NULL;
  }
  connection->tls = PINFO_TLS_OBJECT;
  for (unsigned i = 0; i < PINFO_TLS_REACH; ++i) {
    struct tls_slot* slot = &slots[slot_number(ssl, i) % PINFO_TLS_OBJECTS];
    unsigned long held = __atomic_load_n(&slot->ssl, __ATOMIC_RELAXED);
    if (held <= 1 && __atomic_compare_exchange_n(&slot->ssl, &held, (unsigned long)ssl, 0,
                                                 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
      slot->connection = connection;
      return connection;
    }
  }
  pinfo_connection_release(connection);
  pinfo_ring_count_loss(PINFO_LOSS_CONNECTION_MAP);
  return NULL;
}

struct pinfo_connection* pinfo_tls_object(const void* ssl, int create) {
  const struct tls_slot* slot = find(ssl);
  if (slot != NULL) return slot->connection;
  return create ? add(ssl) : NULL;
}

void pinfo_tls_object_ends(const void* ssl) {
  struct tls_slot* slot = find(ssl);
  if (slot == NULL) return;
  struct pinfo_connection* connection = slot->connection;
  __atomic_store_n(&slot->ssl, 1, __ATOMIC_RELEASE);
  pinfo_connection_release(connection);
}

/* A TLS record's header: content type 20 to 23, version 3.0 to 3.4 (RFC 8446, 5.1). */
static int looks_like_tls(const struct iovec* data, int count) {
  if (data == NULL || count < 1 || data[0].iov_len < 3) return 0;
  const unsigned char* head = data[0].iov_base;
  return head[0] >= 20 && head[0] <= 23 && head[1] == 3 && head[2] <= 4;
}

/* The call on an SSL object that the thread is in. A call that was left by a jump or an exception
 * lies no longer below this one on the stack. */
static int in_call(const struct pinfo_thread* thread) {
  return thread != NULL && thread->tls_object != NULL &&
         (char*)__builtin_frame_address(0) < thread->tls_frame;
}

int pinfo_tls_hides(struct pinfo_connection* connection, int fd, const struct iovec* data,
                    int count, pinfo_u64 n) {
  struct pinfo_thread* thread = pinfo_thread_current;
  const int within = in_call(thread);
  if (connection->tls == PINFO_TLS_NOT_KNOWN) {
    if (n < 3) return 0;
    connection->tls = looks_like_tls(data, count) ? PINFO_TLS_STREAM : PINFO_TLS_NONE;
  } else if (connection->tls == PINFO_TLS_NONE && within && looks_like_tls(data, count)) {
    connection->tls = PINFO_TLS_STREAM; /* it began in plaintext (STARTTLS) */
  }
  if (connection->tls < PINFO_TLS_STREAM) return 0;
  if (within && fd >= 0) thread->tls_fd = fd;
  return connection->tls == PINFO_TLS_OBJECT ||
         __atomic_load_n(&pinfo_tls_used, __ATOMIC_RELAXED);
}

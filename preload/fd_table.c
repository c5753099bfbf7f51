/* SPDX-License-Identifier: MIT */
#include "preload/fd_table.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "preload/capture.h"
#include "preload/listeners.h"
#include "preload/writer.h"

#define PINFO_CONNECTIONS_A_CHUNK 256
#define PINFO_CONNECTION_CHUNKS 4096

struct pinfo_connection** pinfo_fd_chunks[PINFO_FD_CHUNKS];

static struct pinfo_connection* pool[PINFO_CONNECTION_CHUNKS];
static unsigned pool_used; /* connections ever taken out of the pool */
/* Lock-free stack of freed connections: the address in 48 bits, a counter against ABA above. */
static pinfo_u64 free_list;
#define PINFO_ADDRESS_MASK ((1ull << 48) - 1)

static void* map_chunk(void** slot, unsigned long bytes) {
  void* chunk = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
  if (chunk != NULL) return chunk;
  const long mapped =
      pinfo_raw(SYS_mmap, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped < 0 && mapped > -4096) return NULL;
  if (__atomic_compare_exchange_n(slot, &chunk, (void*)mapped, 0, __ATOMIC_ACQ_REL,
                                  __ATOMIC_ACQUIRE))
    return (void*)mapped;
  pinfo_raw(SYS_munmap, mapped, bytes);
  return chunk;
}

static struct pinfo_connection** slot_of(int fd) {
  if ((unsigned)fd >= PINFO_FDS_A_CHUNK * PINFO_FD_CHUNKS) return NULL;
  struct pinfo_connection** chunk = map_chunk((void**)&pinfo_fd_chunks[fd / PINFO_FDS_A_CHUNK],
                                              PINFO_FDS_A_CHUNK * sizeof(struct pinfo_connection*));
  return chunk == NULL ? NULL : &chunk[fd % PINFO_FDS_A_CHUNK];
}

static struct pinfo_connection* pop_free(void) {
  pinfo_u64 head = __atomic_load_n(&free_list, __ATOMIC_ACQUIRE);
  while ((head & PINFO_ADDRESS_MASK) != 0) {
    struct pinfo_connection* first = (struct pinfo_connection*)(head & PINFO_ADDRESS_MASK);
    const pinfo_u64 next = (pinfo_u64)__atomic_load_n(&first->next_free, __ATOMIC_RELAXED) |
                           ((head & ~PINFO_ADDRESS_MASK) + PINFO_ADDRESS_MASK + 1);
    if (__atomic_compare_exchange_n(&free_list, &head, next, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
      return first;
  }
  return NULL;
}

static void push_free(struct pinfo_connection* connection) {
  pinfo_u64 head = __atomic_load_n(&free_list, __ATOMIC_RELAXED);
  pinfo_u64 next;
  do {
    __atomic_store_n(&connection->next_free, (void*)(head & PINFO_ADDRESS_MASK), __ATOMIC_RELAXED);
    next = (pinfo_u64)connection | ((head & ~PINFO_ADDRESS_MASK) + PINFO_ADDRESS_MASK + 1);
  } while (
      !__atomic_compare_exchange_n(&free_list, &head, next, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

struct pinfo_connection* pinfo_connection_without_fd(void) {
  struct pinfo_connection* connection = pop_free();
  if (connection == NULL) {
    const unsigned number = __atomic_fetch_add(&pool_used, 1, __ATOMIC_RELAXED);
    if (number >= PINFO_CONNECTIONS_A_CHUNK * PINFO_CONNECTION_CHUNKS) {
      __atomic_fetch_sub(&pool_used, 1, __ATOMIC_RELAXED);
      return NULL;
    }
    struct pinfo_connection* chunk =
        map_chunk((void**)&pool[number / PINFO_CONNECTIONS_A_CHUNK],
                  PINFO_CONNECTIONS_A_CHUNK * sizeof(struct pinfo_connection));
    if (chunk == NULL) return NULL;
    connection = &chunk[number % PINFO_CONNECTIONS_A_CHUNK];
  }
  /* A thread that still sends on what was here before finds by the turn's tag that it is over. */
  const size_t kept = offsetof(struct pinfo_connection, next_free);
  memset((char*)connection + kept, 0, sizeof(*connection) - kept);
  pinfo_turn_reset(&connection->turn);
  connection->references = 1;
  connection->in_use = 1;
  return connection;
}

void pinfo_connection_release(struct pinfo_connection* connection) {
  if (__atomic_sub_fetch(&connection->references, 1, __ATOMIC_ACQ_REL) != 0) return;
  __atomic_fetch_add(&connection->generation, 1, __ATOMIC_ACQ_REL);
  if (!connection->outgoing) pinfo_connection_ended(connection);
  connection->in_use = 0;
  push_free(connection);
}

static int is_connection(const struct pinfo_connection* entry) {
  return (unsigned long)entry > (unsigned long)PINFO_FD_LISTENING;
}

static void replace(int fd, struct pinfo_connection* entry) {
  struct pinfo_connection** slot = slot_of(fd);
  if (slot == NULL) {
    if (is_connection(entry)) pinfo_connection_release(entry);
    return;
  }
  struct pinfo_connection* old = __atomic_exchange_n(slot, entry, __ATOMIC_ACQ_REL);
  if (is_connection(old)) pinfo_connection_release(old);
}

void pinfo_fd_is(int fd, struct pinfo_connection* kind) {
  if (pinfo_fd_entry(fd) != kind && !pinfo_is_vfork_child()) replace(fd, kind);
}

void pinfo_fd_accepted(int fd) {
  if (!pinfo_serves()) return;
  struct pinfo_connection* connection = pinfo_connection_without_fd();
  if (connection == NULL) {
    pinfo_ring_count_loss(PINFO_LOSS_CONNECTION_MAP);
    pinfo_fd_is(fd, PINFO_FD_OTHER);
    return;
  }
  replace(fd, connection);
}

struct pinfo_connection* pinfo_fd_outgoing(int fd) {
  struct pinfo_connection* connection = pinfo_connection_without_fd();
  if (connection == NULL) {
    if (pinfo_recording()) pinfo_ring_count_loss(PINFO_LOSS_CONNECTION_MAP);
    pinfo_fd_is(fd, PINFO_FD_OTHER);
    return NULL;
  }
  connection->outgoing = 1;
  connection->call_id = __atomic_fetch_add(&pinfo_process.next_connection, 1, __ATOMIC_RELAXED);
  replace(fd, connection);
  return connection;
}

void pinfo_fd_duplicated(int from, int to) {
  if (from == to || !pinfo_process.ready || pinfo_is_vfork_child()) return;
  pinfo_thread_fd_taken(to);
  struct pinfo_connection* entry = pinfo_fd_entry(from);
  if (is_connection(entry)) __atomic_fetch_add(&entry->references, 1, __ATOMIC_ACQ_REL);
  if (entry != PINFO_FD_UNKNOWN || pinfo_fd_entry(to) != PINFO_FD_UNKNOWN) replace(to, entry);
}

void pinfo_fd_closing(int fd) {
  pinfo_thread_fd_taken(fd);
  const struct pinfo_connection* entry = pinfo_fd_entry(fd);
  if (entry == PINFO_FD_UNKNOWN || entry == PINFO_FD_OTHER) {
    /* The commonest close by far: a file. Whatever gets the number next is judged anew. */
    if (entry == PINFO_FD_OTHER && (unsigned)fd < PINFO_FDS_A_CHUNK * PINFO_FD_CHUNKS)
      __atomic_store_n(slot_of(fd), PINFO_FD_UNKNOWN, __ATOMIC_RELEASE);
    return;
  }
  if (!pinfo_is_vfork_child()) replace(fd, PINFO_FD_UNKNOWN);
}

void pinfo_fd_closing_range(unsigned first, unsigned last) {
  if (pinfo_is_vfork_child()) return;
  pinfo_thread_forget_fds(first, last);
  for (unsigned i = first / PINFO_FDS_A_CHUNK; i < PINFO_FD_CHUNKS; ++i) {
    if (i > last / PINFO_FDS_A_CHUNK) return;
    if (__atomic_load_n(&pinfo_fd_chunks[i], __ATOMIC_ACQUIRE) == NULL) continue;
    for (unsigned fd = i * PINFO_FDS_A_CHUNK; fd < (i + 1) * PINFO_FDS_A_CHUNK; ++fd)
      if (fd >= first && fd <= last) pinfo_fd_closing((int)fd);
  }
}

/* The parent goes on with its turns; here each connection starts over under an id of its own. */
void pinfo_fd_after_fork(void) {
  for (unsigned i = 0; i < pool_used; ++i) {
    struct pinfo_connection* chunk = pool[i / PINFO_CONNECTIONS_A_CHUNK];
    if (chunk == NULL) continue;
    struct pinfo_connection* connection = &chunk[i % PINFO_CONNECTIONS_A_CHUNK];
    const struct pinfo_turn* turn = pinfo_turn_under_way(&connection->turn);
    const pinfo_u8 under_way = pinfo_order_phase(connection->turn.order) == PINFO_TURN_READING;
    const pinfo_u8 old = turn->old || turn->number != 0;
    pinfo_turn_reset(&connection->turn);
    pinfo_turn_under_way(&connection->turn)->partial = under_way;
    pinfo_turn_under_way(&connection->turn)->old = old;
    connection->responder = NULL;
    connection->beginner = NULL;
    connection->call_phase = PINFO_CALL_IDLE;
  }
}

static int socket_option(int fd, int option) {
  int value = 0;
  socklen_t length = sizeof(value);
  const long error = pinfo_raw(SYS_getsockopt, fd, SOL_SOCKET, option, &value, &length);
  return error < 0 ? (int)error : value;
}

static int local_port(const struct sockaddr_storage* address) {
  if (address->ss_family == AF_INET) return ntohs(((const struct sockaddr_in*)address)->sin_port);
  if (address->ss_family == AF_INET6)
    return ntohs(((const struct sockaddr_in6*)address)->sin6_port);
  return -1;
}

void pinfo_fd_listens(int fd) {
  struct sockaddr_storage address = {0};
  socklen_t length = sizeof(address);
  if (pinfo_raw(SYS_getsockname, fd, &address, &length) == 0 && local_port(&address) >= 0)
    pinfo_listeners_add((unsigned)local_port(&address));
  pinfo_fd_is(fd, PINFO_FD_LISTENING);
  pinfo_process.listens = 1;
}

static int is_server_side(int fd) {
  struct sockaddr_storage local = {0};
  struct sockaddr_storage peer;
  socklen_t length = sizeof(local);
  socklen_t peer_length = sizeof(peer);
  if (pinfo_raw(SYS_getsockname, fd, &local, &length) != 0 ||
      pinfo_raw(SYS_getpeername, fd, &peer, &peer_length) != 0)
    return 0;
  if (local.ss_family == AF_UNIX) /* socketpairs and clients have no name */
    return length > sizeof(sa_family_t);
  return local_port(&local) > 0 && pinfo_listeners_have((unsigned)local_port(&local));
}

struct pinfo_connection* pinfo_fd_judge(int fd) {
  if (!pinfo_process.ready || pinfo_is_vfork_child() ||
      __atomic_load_n(&pinfo_process.recording, __ATOMIC_ACQUIRE) == PINFO_REFUSED)
    return PINFO_FD_OTHER;
  const int type = socket_option(fd, SO_TYPE);
  if (type == -EBADF) return PINFO_FD_UNKNOWN;
  if (type != SOCK_STREAM) {
    pinfo_fd_is(fd, PINFO_FD_OTHER);
  } else if (socket_option(fd, SO_ACCEPTCONN) == 1) {
    pinfo_fd_listens(fd);
  } else if (is_server_side(fd)) {
    pinfo_fd_accepted(fd);
    struct pinfo_connection* connection = pinfo_fd_entry(fd);
    if ((unsigned long)connection > (unsigned long)PINFO_FD_LISTENING)
      pinfo_turn_under_way(&connection->turn)->old = 1;
  } else {
    pinfo_fd_is(fd, PINFO_FD_OTHER);
  }
  return pinfo_fd_entry(fd);
}

int pinfo_fd_find_listening(void) {
  /* Handed-over listening sockets come first (systemd: from 3 on) or are few; a look at each
   * descriptor below 64 costs a microsecond or two at every start. */
  enum { kHighest = 64 };
  int found = 0;
  for (int fd = 0; fd < kHighest; ++fd) {
    if (socket_option(fd, SO_ACCEPTCONN) == 1) {
      pinfo_fd_listens(fd);
      found = 1;
    }
  }
  return found;
}

static void take_address(const struct sockaddr_storage* from, pinfo_u8* address, pinfo_u16* port,
                         pinfo_u8* transport) {
  if (from->ss_family == AF_INET) {
    memcpy(address, &((const struct sockaddr_in*)from)->sin_addr, 4);
    *transport = PINFO_TRANSPORT_TCP4;
  } else if (from->ss_family == AF_INET6) {
    memcpy(address, &((const struct sockaddr_in6*)from)->sin6_addr, 16);
    *transport = PINFO_TRANSPORT_TCP6;
  } else if (from->ss_family == AF_UNIX) {
    *transport = PINFO_TRANSPORT_UNIX;
  }
  *port = local_port(from) > 0 ? (pinfo_u16)local_port(from) : 0;
}

void pinfo_connection_describe(struct pinfo_connection* connection, int fd) {
  if (connection->described) return;
  struct sockaddr_storage address = {0};
  socklen_t length = sizeof(address);
  pinfo_u8 peer_transport = 0;
  if (pinfo_raw(SYS_getpeername, fd, &address, &length) == 0)
    take_address(&address, connection->peer_address, &connection->peer_port, &peer_transport);
  memset(&address, 0, sizeof(address));
  length = sizeof(address);
  if (pinfo_raw(SYS_getsockname, fd, &address, &length) == 0)
    take_address(&address, connection->local_address, &connection->local_port,
                 &connection->transport);
  connection->described = 1;
}

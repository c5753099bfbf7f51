/* SPDX-License-Identifier: MIT */
#include "preload/outgoing.h"

#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "preload/capture.h"
#include "preload/writer.h"

/* One at a time: a signal handler above its own thread finds the record half written. */
static int try_hold(struct pinfo_thread* thread) {
  if (thread->calls_held) return 0;
  thread->calls_held = 1;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  return 1;
}

static void let_go(struct pinfo_thread* thread) {
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  thread->calls_held = 0;
}

/* REQUIRES: held. */
static void flush_held(struct pinfo_thread* thread) {
  if (thread->calls_on == 0) return;
  thread->calls_on = 0;
  const pinfo_u64 size = thread->calls.header.size;
  const struct pinfo_slot slot = pinfo_ring_reserve(size, PINFO_LOSS_RING_CALL);
  if (slot.record == NULL) return;
  memcpy(slot.record, &thread->calls, sizeof(thread->calls));
  memcpy((unsigned char*)slot.record + sizeof(thread->calls), thread->calls_path,
         thread->calls.path_bytes);
  pinfo_ring_commit(slot);
}

void pinfo_calls_flush(struct pinfo_thread* thread) {
  if (thread->calls_on == 0 || !pinfo_recording() || !try_hold(thread)) return;
  flush_held(thread);
  let_go(thread);
}

/* The connection of the request that the thread serves for certain; 0: none. */
static pinfo_u64 served(const struct pinfo_thread* thread) {
  return __atomic_load_n(&thread->open_turns, __ATOMIC_RELAXED) <= 1 ? thread->connection : 0;
}

void pinfo_outgoing_opened(int fd, const struct sockaddr* address, socklen_t length) {
  if (!pinfo_process.ready || pinfo_is_vfork_child() || address == NULL ||
      length < sizeof(address->sa_family))
    return;
  if (address->sa_family != AF_INET && address->sa_family != AF_INET6 &&
      address->sa_family != AF_UNIX)
    return;
  int type = 0;
  socklen_t type_length = sizeof(type);
  if (pinfo_raw(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &type_length) != 0 ||
      type != SOCK_STREAM)
    return;
  struct pinfo_connection* connection = pinfo_fd_outgoing(fd);
  if (connection == NULL) return;
  const struct pinfo_thread* thread = pinfo_thread_current;
  connection->call_phase = PINFO_CALL_OPENED;
  connection->call_request = thread != NULL ? served(thread) : 0;
  connection->call_turn = thread != NULL ? thread->turn : 0;
  connection->call_opener = thread != NULL ? thread->tid : 0;
  connection->call_opened_at = thread != NULL ? thread->event_waits : 0;
}

/* Whether the request that the connection was opened for is still whose call it is: not where the
 * thread that opened it writes to it in the same breath (bpf/outgoing.h). */
static int keeps_request(const struct pinfo_connection* connection,
                         const struct pinfo_thread* thread) {
  return connection->call_phase == PINFO_CALL_OPENED && connection->call_request != 0 &&
         (connection->call_opener != thread->tid ||
          connection->call_opened_at != thread->event_waits);
}

void pinfo_outgoing_sent(struct pinfo_connection* connection, pinfo_u64 before_ns) {
  const struct pinfo_thread* thread = pinfo_thread_current;
  if (thread == NULL || !pinfo_recording()) return;
  connection->call_sent_ns = before_ns != 0 ? before_ns : pinfo_now();
  const pinfo_u64 request = served(thread);
  if (connection->call_phase == PINFO_CALL_ASKED) {
    /* Two requests ask at the same time: whose answer comes first is not known. */
    if (request != 0 &&
        (connection->call_request != request || connection->call_turn != thread->turn))
      connection->call_request = 0;
    return;
  }
  if (!keeps_request(connection, thread)) {
    connection->call_request = request;
    connection->call_turn = thread->turn;
  }
  connection->call_phase = PINFO_CALL_ASKED;
}

/* The name of a unix socket's peer into path; its bytes. */
static pinfo_u8 peer_path(int fd, unsigned char* path) {
  struct sockaddr_un address;
  socklen_t length = sizeof(address);
  if (pinfo_raw(SYS_getpeername, fd, &address, &length) != 0 ||
      length <= offsetof(struct sockaddr_un, sun_path))
    return 0;
  pinfo_u64 bytes = length - offsetof(struct sockaddr_un, sun_path);
  if (bytes > PINFO_UNIX_PATH_MAX) bytes = PINFO_UNIX_PATH_MAX;
  memcpy(path, address.sun_path, bytes);
  return (pinfo_u8)bytes;
}

/* REQUIRES: held, and nothing gathered. */
static void begin(struct pinfo_thread* thread, struct pinfo_connection* connection, int fd,
                  pinfo_u64 now) {
  struct pinfo_call* call = &thread->calls;
  pinfo_connection_describe(connection, fd);
  memset(call, 0, sizeof(*call));
  call->connection = connection->call_request;
  call->turn = connection->call_turn;
  call->first_ns = connection->call_sent_ns;
  memcpy(call->peer_address, connection->peer_address, sizeof(call->peer_address));
  call->peer_port = connection->peer_port;
  call->transport = connection->transport;
  if (call->transport == PINFO_TRANSPORT_UNIX) call->path_bytes = peer_path(fd, thread->calls_path);
  call->header.size = (pinfo_u32)sizeof(*call) + call->path_bytes;
  call->header.type = PINFO_RECORD_CALL;
  call->header.pid = pinfo_process.pid;
  call->header.tid = thread->tid;
  call->header.time_ns = now;
  thread->calls_on = connection->call_id;
}

void pinfo_outgoing_received(struct pinfo_connection* connection, int fd) {
  struct pinfo_thread* thread = pinfo_thread_current;
  if (connection->call_phase != PINFO_CALL_ASKED) return;
  connection->call_phase = PINFO_CALL_ANSWERED;
  if (thread == NULL || !pinfo_recording()) return;
  if (!try_hold(thread)) {
    pinfo_ring_count_loss(PINFO_LOSS_RING_CALL);
    return;
  }
  const pinfo_u64 now = pinfo_now();
  struct pinfo_call* call = &thread->calls;
  if (thread->calls_on != connection->call_id || call->connection != connection->call_request ||
      call->turn != connection->call_turn) {
    flush_held(thread);
    begin(thread, connection, fd, now);
  }
  call->header.time_ns = now;
  call->last_ns = now;
  call->waited_ns += now - connection->call_sent_ns;
  call->calls += 1;
  /* Gathered is only what one thread asks and reads for one request. */
  if (call->connection == 0 || thread->connection != call->connection ||
      thread->turn != call->turn) {
    if (call->connection != 0) pinfo_thread_takes_up(thread, call->connection, call->turn, now);
    flush_held(thread);
  }
  let_go(thread);
}

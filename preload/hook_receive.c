/* SPDX-License-Identifier: MIT */
/* Calls that bring bytes in. Each forwards first and looks at the outcome afterwards; nothing is
 * held across the call, which may be a cancellation point. */
#include <errno.h>
#include <string.h>

#include "preload/capture.h"
#include "preload/outgoing.h"
#include "preload/real.h"
#include "preload/tls.h"

/* A call that may wait, and the connection whose bytes it waits for. */
struct call {
  struct pinfo_connection* connection; /* NULL: none of ours */
  pinfo_u32 generation;                /* of the connection, before the call */
  pinfo_u64 other_since;               /* of a call on a file or a back end (capture.h) */
};

/* Before a call that may wait for the connection's next bytes, or for a back end. */
static void begins(struct call* call, int fd) {
  call->connection = pinfo_connection_of(fd);
  call->other_since = 0;
  if (call->connection != NULL) call->generation = pinfo_connection_generation(call->connection);
  if (call->connection == NULL || call->connection->outgoing)
    call->other_since = pinfo_other_io_begins();
  else if (pinfo_thread_current != NULL)
    pinfo_emit_pending(pinfo_thread_current);
}

/* Whether another thread has closed the connection during the call. The call goes on all the same,
 * on a socket that nobody can answer on; the connection's place, and the descriptor's number, may
 * be another one's by now. What an SSL object makes of these bytes is nobody's either. */
static int closed_meanwhile(const struct call* call) {
  if (pinfo_connection_generation(call->connection) == call->generation) return 0;
  if (pinfo_thread_current != NULL) pinfo_tls_call_is_void(pinfo_thread_current);
  return 1;
}

static void received(const struct call* call, int fd, const struct iovec* data, int count,
                     ssize_t result, int flags) {
  struct pinfo_connection* connection = call->connection;
  if (connection == NULL || closed_meanwhile(call)) return;
  if (result <= 0) {
    if (!connection->outgoing && result < 0 && errno == ECONNRESET) connection->reset = 1;
    return;
  }
  if (flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB)) return;
  if (connection->outgoing)
    pinfo_outgoing_received(connection, fd);
  else
    pinfo_received(connection, fd, flags & MSG_TRUNC ? NULL : data, count, (pinfo_u64)result);
}

#define PINFO_RECEIVE(fd, real, data, count, flags) \
  struct call call;                                 \
  begins(&call, fd);                                \
  const ssize_t result = (real);                    \
  pinfo_other_io_ended(call.other_since);           \
  received(&call, fd, data, count, result, flags);  \
  return result

PINFO_EXPORT ssize_t read(int fd, void* buffer, size_t size) {
  const struct iovec data = {buffer, size};
  PINFO_RECEIVE(fd, PINFO_FORWARD(read, SYS_read, fd, buffer, size), &data, 1, 0);
}

PINFO_EXPORT ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room) {
  const struct iovec data = {buffer, size};
  PINFO_RECEIVE(fd, PINFO_FORWARD(__read_chk, SYS_read, fd, buffer, size, room), &data, 1, 0);
}

PINFO_EXPORT ssize_t readv(int fd, const struct iovec* data, int count) {
  PINFO_RECEIVE(fd, PINFO_FORWARD(readv, SYS_readv, fd, data, count), data, count, 0);
}

PINFO_EXPORT ssize_t recv(int fd, void* buffer, size_t size, int flags) {
  const struct iovec data = {buffer, size};
  PINFO_RECEIVE(fd,
                PINFO_REAL(recv) != NULL ? pinfo_real.p_recv(fd, buffer, size, flags)
                                         : syscall(SYS_recvfrom, fd, buffer, size, flags, 0, 0),
                &data, 1, flags);
}

PINFO_EXPORT ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags) {
  const struct iovec data = {buffer, size};
  PINFO_RECEIVE(fd,
                PINFO_REAL(__recv_chk) != NULL
                    ? pinfo_real.p___recv_chk(fd, buffer, size, room, flags)
                    : syscall(SYS_recvfrom, fd, buffer, size, flags, 0, 0),
                &data, 1, flags);
}

PINFO_EXPORT ssize_t recvfrom(int fd, void* restrict buffer, size_t size, int flags,
                              struct sockaddr* restrict address, socklen_t* restrict length) {
  const struct iovec data = {buffer, size};
  PINFO_RECEIVE(fd, PINFO_FORWARD(recvfrom, SYS_recvfrom, fd, buffer, size, flags, address, length),
                &data, 1, flags);
}

PINFO_EXPORT ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t room, int flags,
                                    struct sockaddr* address, socklen_t* length) {
  const struct iovec data = {buffer, size};
  PINFO_RECEIVE(fd,
                PINFO_REAL(__recvfrom_chk) != NULL
                    ? pinfo_real.p___recvfrom_chk(fd, buffer, size, room, flags, address, length)
                    : syscall(SYS_recvfrom, fd, buffer, size, flags, address, length),
                &data, 1, flags);
}

/* Descriptors that came in a message replace whatever had their numbers. */
static void note_passed_fds(const struct msghdr* message) {
  if (message->msg_controllen < sizeof(struct cmsghdr)) return;
  for (struct cmsghdr* control = CMSG_FIRSTHDR(message); control != NULL;
       control = CMSG_NXTHDR((struct msghdr*)message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(fd));
      pinfo_fd_is(fd, PINFO_FD_UNKNOWN);
    }
  }
}

PINFO_EXPORT ssize_t recvmsg(int fd, struct msghdr* message, int flags) {
  struct call call;
  begins(&call, fd);
  const ssize_t result = PINFO_FORWARD(recvmsg, SYS_recvmsg, fd, message, flags);
  if (result >= 0) note_passed_fds(message);
  pinfo_other_io_ended(call.other_since);
  if (result > 0) /* else the message may be no readable memory */
    received(&call, fd, message->msg_iov, (int)message->msg_iovlen, result, flags);
  else
    received(&call, fd, NULL, 0, result, flags);
  return result;
}

PINFO_EXPORT int recvmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags,
                          struct timespec* timeout) {
  struct call call;
  begins(&call, fd);
  const int result = PINFO_FORWARD(recvmmsg, SYS_recvmmsg, fd, messages, count, flags, timeout);
  for (int i = 0; i < result; ++i) {
    const struct msghdr* message = &messages[i].msg_hdr;
    note_passed_fds(message);
    received(&call, fd, message->msg_iov, (int)message->msg_iovlen, messages[i].msg_len, flags);
  }
  pinfo_other_io_ended(call.other_since);
  return result;
}

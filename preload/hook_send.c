/* SPDX-License-Identifier: MIT */
/* Calls that send bytes out. See hook_receive.c for the rules. */
#include <errno.h>

#include "preload/capture.h"
#include "preload/outgoing.h"
#include "preload/real.h"

static void sent(struct pinfo_connection* connection, const struct iovec* data, int count,
                 ssize_t result, pinfo_u64 before_ns) {
  if (connection->outgoing) {
    if (result > 0) pinfo_outgoing_sent(connection, before_ns);
  } else if (result > 0)
    pinfo_sent(connection, data, count, (pinfo_u64)result);
  else if (result < 0 && (errno == ECONNRESET || errno == EPIPE))
    connection->reset = 1;
}

/* Whether the call is one on a file or a back end, and since when it lasts (capture.h). */
static pinfo_u64 other_io_begins(const struct pinfo_connection* connection) {
  return connection == NULL || connection->outgoing ? pinfo_other_io_begins() : 0;
}

#define PINFO_SEND(fd, call, data, count)                                         \
  struct pinfo_connection* connection = pinfo_connection_of(fd);                  \
  const pinfo_u64 other_since = other_io_begins(connection);                      \
  const ssize_t result = (call);                                                  \
  pinfo_other_io_ended(other_since);                                              \
  if (connection != NULL) sent(connection, data, count, result, other_since);     \
  return result

PINFO_EXPORT ssize_t write(int fd, const void* buffer, size_t size) {
  const struct iovec data = {(void*)buffer, size};
  PINFO_SEND(fd, PINFO_FORWARD(write, SYS_write, fd, buffer, size), &data, 1);
}

PINFO_EXPORT ssize_t writev(int fd, const struct iovec* data, int count) {
  PINFO_SEND(fd, PINFO_FORWARD(writev, SYS_writev, fd, data, count), data, count);
}

PINFO_EXPORT ssize_t send(int fd, const void* buffer, size_t size, int flags) {
  const struct iovec data = {(void*)buffer, size};
  PINFO_SEND(fd,
             PINFO_REAL(send) != NULL ? pinfo_real.p_send(fd, buffer, size, flags)
                                      : syscall(SYS_sendto, fd, buffer, size, flags, 0, 0),
             &data, 1);
}

PINFO_EXPORT ssize_t sendto(int fd, const void* buffer, size_t size, int flags,
                            const struct sockaddr* address, socklen_t length) {
  const struct iovec data = {(void*)buffer, size};
  PINFO_SEND(fd, PINFO_FORWARD(sendto, SYS_sendto, fd, buffer, size, flags, address, length), &data,
             1);
}

PINFO_EXPORT ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  struct pinfo_connection* connection = pinfo_connection_of(fd);
  const pinfo_u64 other_since = other_io_begins(connection);
  const ssize_t result = PINFO_FORWARD(sendmsg, SYS_sendmsg, fd, message, flags);
  pinfo_other_io_ended(other_since);
  if (connection == NULL) return result;
  if (result > 0) /* else the message may be no readable memory */
    sent(connection, message->msg_iov, (int)message->msg_iovlen, result, other_since);
  else
    sent(connection, NULL, 0, result, other_since);
  return result;
}

PINFO_EXPORT int sendmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags) {
  struct pinfo_connection* connection = pinfo_connection_of(fd);
  const pinfo_u64 other_since = other_io_begins(connection);
  const int result = PINFO_FORWARD(sendmmsg, SYS_sendmmsg, fd, messages, count, flags);
  pinfo_other_io_ended(other_since);
  for (int i = 0; connection != NULL && i < result; ++i)
    sent(connection, messages[i].msg_hdr.msg_iov, (int)messages[i].msg_hdr.msg_iovlen,
         messages[i].msg_len, other_since);
  return result;
}

PINFO_EXPORT ssize_t sendfile(int out, int in, off_t* offset, size_t size) {
  PINFO_SEND(out, PINFO_FORWARD(sendfile, SYS_sendfile, out, in, offset, size), NULL, 0);
}

PINFO_EXPORT ssize_t sendfile64(int out, int in, off64_t* offset, size_t size) {
  PINFO_SEND(out, PINFO_FORWARD(sendfile64, SYS_sendfile, out, in, offset, size), NULL, 0);
}

/* One side is a pipe; the other may be a connection, whose bytes never come to user space. */
PINFO_EXPORT ssize_t splice(int in, off64_t* in_offset, int out, off64_t* out_offset, size_t size,
                            unsigned flags) {
  struct pinfo_connection* from = pinfo_connection_of(in);
  struct pinfo_connection* to = pinfo_connection_of(out);
  const ssize_t result =
      PINFO_FORWARD(splice, SYS_splice, in, in_offset, out, out_offset, size, flags);
  if (result > 0 && from != NULL && from->outgoing)
    pinfo_outgoing_received(from, in);
  else if (result > 0 && from != NULL)
    pinfo_received(from, in, NULL, 0, (pinfo_u64)result);
  if (to != NULL) sent(to, NULL, 0, result, 0);
  return result;
}

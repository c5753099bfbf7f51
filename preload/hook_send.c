/* SPDX-License-Identifier: MIT */
/* Calls that send bytes out. See hook_receive.c for the rules. */
#include <errno.h>

#include "preload/capture.h"
#include "preload/outgoing.h"
#include "preload/real.h"

/* One call on a descriptor, which may be a connection or anything else. */
struct call {
  struct pinfo_send send; /* connection NULL: none of ours */
  pinfo_u64 other_since;  /* of a call on a file or a back end (capture.h) */
  /* A server's connection. Settled before the call: when it returns, the connection may be closed
   * and its place another one's. */
  int served;
  pinfo_u32 generation; /* of the connection, before the call */
};

static inline void begins(struct call* call, int fd) {
  call->send.connection = pinfo_connection_of(fd);
  if (call->send.connection != NULL)
    call->generation = pinfo_connection_generation(call->send.connection);
  call->served = call->send.connection != NULL && !call->send.connection->outgoing;
  if (call->served)
    pinfo_send_begins(&call->send, call->send.connection);
  else
    call->other_since = pinfo_other_io_begins();
}

/* Whether another thread has closed the connection during the call: its place may be another one's.
 */
static int closed_meanwhile(const struct call* call) {
  return pinfo_connection_generation(call->send.connection) != call->generation;
}

static void sent(struct call* call, const struct iovec* data, int count, ssize_t result) {
  if (!call->served) {
    if (result > 0 && call->send.connection != NULL && !closed_meanwhile(call))
      pinfo_outgoing_sent(call->send.connection, call->other_since);
    return;
  }
  if (result > 0) {
    pinfo_sent(&call->send, data, count, (pinfo_u64)result);
    return;
  }
  if (result < 0 && (errno == ECONNRESET || errno == EPIPE) && !closed_meanwhile(call))
    call->send.connection->reset = 1;
  pinfo_send_failed(&call->send);
}

static inline void ended(struct call* call, const struct iovec* data, int count, ssize_t result) {
  if (!call->served) pinfo_other_io_ended(call->other_since);
  sent(call, data, count, result);
}

#define PINFO_SEND(fd, real, data, count) \
  struct call call;                       \
  begins(&call, fd);                      \
  const ssize_t result = (real);          \
  ended(&call, data, count, result);      \
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
  struct call call;
  begins(&call, fd);
  const ssize_t result = PINFO_FORWARD(sendmsg, SYS_sendmsg, fd, message, flags);
  if (result > 0) /* else the message may be no readable memory */
    ended(&call, message->msg_iov, (int)message->msg_iovlen, result);
  else
    ended(&call, NULL, 0, result);
  return result;
}

PINFO_EXPORT int sendmmsg(int fd, struct mmsghdr* messages, unsigned count, int flags) {
  struct call call;
  begins(&call, fd);
  const int result = PINFO_FORWARD(sendmmsg, SYS_sendmmsg, fd, messages, count, flags);
  if (!call.served || result <= 0) {
    ended(&call, NULL, 0, result);
    return result;
  }
  for (int i = 0; i < result; ++i)
    sent(&call, messages[i].msg_hdr.msg_iov, (int)messages[i].msg_hdr.msg_iovlen,
         messages[i].msg_len);
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
  const pinfo_u32 generation = from != NULL ? pinfo_connection_generation(from) : 0;
  struct call call;
  if (to != NULL) begins(&call, out);
  const ssize_t result =
      PINFO_FORWARD(splice, SYS_splice, in, in_offset, out, out_offset, size, flags);
  if (result > 0 && from != NULL && pinfo_connection_generation(from) == generation) {
    if (from->outgoing)
      pinfo_outgoing_received(from, in);
    else
      pinfo_received(from, in, NULL, 0, (pinfo_u64)result);
  }
  if (to != NULL) ended(&call, NULL, 0, result);
  return result;
}

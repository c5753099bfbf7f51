/* SPDX-License-Identifier: MIT */
/* Calls that make, name, copy and close descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>

#include "preload/capture.h"
#include "preload/outgoing.h"
#include "preload/real.h"

PINFO_EXPORT int socket(int domain, int type, int protocol) {
  const int fd = PINFO_FORWARD(socket, SYS_socket, domain, type, protocol);
  if (fd >= 0 && pinfo_process.ready) pinfo_fd_is(fd, PINFO_FD_OTHER); /* until it listens */
  return fd;
}

PINFO_EXPORT int connect(int fd, const struct sockaddr* address, socklen_t length) {
  const pinfo_u64 since = pinfo_other_io_begins();
  const int result = PINFO_FORWARD(connect, SYS_connect, fd, address, length);
  pinfo_other_io_ended(since);
  if (result == 0 || errno == EINPROGRESS) pinfo_outgoing_opened(fd, address, length);
  return result;
}

PINFO_EXPORT int listen(int fd, int backlog) {
  const int result = PINFO_FORWARD(listen, SYS_listen, fd, backlog);
  if (result == 0 && pinfo_process.ready && !pinfo_is_vfork_child()) {
    pinfo_fd_listens(fd);
    pinfo_serves();
  }
  return result;
}

PINFO_EXPORT int accept(int fd, struct sockaddr* restrict address, socklen_t* restrict length) {
  const struct pinfo_wait_state wait = pinfo_wait_begins(PINFO_WAIT_FOR_EVENTS);
  const int result = PINFO_FORWARD(accept, SYS_accept, fd, address, length);
  pinfo_wait_ended(&wait);
  if (result >= 0) pinfo_fd_accepted(result);
  return result;
}

PINFO_EXPORT int accept4(int fd, struct sockaddr* restrict address, socklen_t* restrict length,
                         int flags) {
  const struct pinfo_wait_state wait = pinfo_wait_begins(PINFO_WAIT_FOR_EVENTS);
  const int result = PINFO_FORWARD(accept4, SYS_accept4, fd, address, length, flags);
  pinfo_wait_ended(&wait);
  if (result >= 0) pinfo_fd_accepted(result);
  return result;
}

/* Before the call: afterwards the number may already belong to another thread's new file. */
PINFO_EXPORT int close(int fd) {
  pinfo_fd_closing(fd);
  return PINFO_FORWARD(close, SYS_close, fd);
}

PINFO_EXPORT int fclose(FILE* stream) {
  const int saved_errno = errno;
  const int fd = fileno(stream); /* fails for streams without a descriptor */
  errno = saved_errno;
  if (fd >= 0 && pinfo_process.ready) pinfo_fd_closing(fd);
  return PINFO_REAL(fclose) != NULL ? pinfo_real.p_fclose(stream) : EOF;
}

PINFO_EXPORT int close_range(unsigned first, unsigned last, int flags) {
  if (!((unsigned)flags & CLOSE_RANGE_CLOEXEC)) pinfo_fd_closing_range(first, last);
  return PINFO_FORWARD(close_range, SYS_close_range, first, last, flags);
}

PINFO_EXPORT void closefrom(int first) {
  pinfo_fd_closing_range(first < 0 ? 0 : (unsigned)first, ~0u);
  if (PINFO_REAL(closefrom) != NULL) pinfo_real.p_closefrom(first);
}

PINFO_EXPORT int shutdown(int fd, int how) {
  struct pinfo_connection* connection = pinfo_connection_of(fd);
  const int result = PINFO_FORWARD(shutdown, SYS_shutdown, fd, how);
  if (connection != NULL && !connection->outgoing && result == 0 && how != SHUT_RD) {
    connection->write_ended = 1;
    if (pinfo_thread_current != NULL) pinfo_emit_pending(pinfo_thread_current);
  }
  return result;
}

PINFO_EXPORT int dup(int fd) {
  const int result = PINFO_FORWARD(dup, SYS_dup, fd);
  if (result >= 0) pinfo_fd_duplicated(fd, result);
  return result;
}

PINFO_EXPORT int dup2(int fd, int to) {
  const int result = PINFO_FORWARD(dup2, SYS_dup2, fd, to);
  if (result >= 0) pinfo_fd_duplicated(fd, result);
  return result;
}

PINFO_EXPORT int dup3(int fd, int to, int flags) {
  const int result = PINFO_FORWARD(dup3, SYS_dup3, fd, to, flags);
  if (result >= 0) pinfo_fd_duplicated(fd, result);
  return result;
}

/* The third argument is an int, a pointer or absent; passing a pointer's width on suits all three,
 * as glibc's own fcntl does. */
#define PINFO_FCNTL(name)                                                     \
  PINFO_EXPORT int name(int fd, int command, ...) {                           \
    va_list arguments;                                                        \
    va_start(arguments, command);                                             \
    void* argument = va_arg(arguments, void*);                                \
    va_end(arguments);                                                        \
    const int result = PINFO_FORWARD(name, SYS_fcntl, fd, command, argument); \
    if (result >= 0 && (command == F_DUPFD || command == F_DUPFD_CLOEXEC))    \
      pinfo_fd_duplicated(fd, result);                                        \
    return result;                                                            \
  }
PINFO_FCNTL(fcntl)
PINFO_FCNTL(fcntl64)

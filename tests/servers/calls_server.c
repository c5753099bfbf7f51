/* A test server whose every port uses other system calls on its connections. What is asked and
 * answered is plain HTTP/1.1; only the way the bytes go through the kernel differs.
 *
 *   calls_server KIND...      prints "KIND PORT" for each kind, then serves until SIGTERM
 *   calls_server --serve FD   serves one connection that it was started with, and ends
 *
 * A connection is served by a thread of its own, requests one after the other. Each is answered
 * with a body of its target's length, the target itself. Kinds name how a request is read and
 * answered (read, readv, recv, recvfrom, recvmsg, recvmmsg, sendfile, splice, splice_in, peek,
 * zerocopy, checked, nonblocking, uring), or what happens to the descriptor (dup, passed, forked,
 * executed, elsewhere, reused, overtaken: while a thread waits for the connection's second request,
 * another one closes it and takes the next connection, which gets the number). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/servers/uring.h"

/* What a fortified program calls in place of recv and read. */
ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags);
ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room);

enum { kRoom = 8192 };

static void fail(const char* what) {
  perror(what);
  _exit(3);
}

static ssize_t receive_message(int fd, char* buffer, size_t room, int many) {
  struct iovec part[2] = {{buffer, room / 2}, {buffer + room / 2, room - room / 2}};
  struct mmsghdr message;
  memset(&message, 0, sizeof(message));
  message.msg_hdr.msg_iov = part;
  message.msg_hdr.msg_iovlen = 2;
  if (!many) return recvmsg(fd, &message.msg_hdr, 0);
  const int count = recvmmsg(fd, &message, 1, 0, NULL);
  return count <= 0 ? count : (ssize_t)message.msg_len;
}

/* Through a pipe: the bytes come to user space from there. */
static ssize_t receive_splice(int fd, char* buffer, size_t room) {
  int ends[2];
  if (pipe(ends) != 0) fail("pipe");
  ssize_t n = splice(fd, NULL, ends[1], NULL, room, 0);
  if (n > 0) n = read(ends[0], buffer, (size_t)n);
  close(ends[0]);
  close(ends[1]);
  return n;
}

static ssize_t receive_nonblocking(int fd, char* buffer, size_t room) {
  for (;;) {
    const ssize_t n = recv(fd, buffer, room, MSG_DONTWAIT); /* fails first: nothing is there yet */
    if (n >= 0 || errno != EAGAIN) return n;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    poll(&wait, 1, -1);
  }
}

static ssize_t receive(const char* kind, int fd, char* buffer, size_t room) {
  if (strcmp(kind, "readv") == 0) {
    struct iovec part[2] = {{buffer, 3}, {buffer + 3, room - 3}};
    return readv(fd, part, 2);
  }
  if (strcmp(kind, "recv") == 0 || strcmp(kind, "zerocopy") == 0) return recv(fd, buffer, room, 0);
  if (strcmp(kind, "recvfrom") == 0) return recvfrom(fd, buffer, room, 0, NULL, NULL);
  if (strcmp(kind, "recvmsg") == 0) return receive_message(fd, buffer, room, 0);
  if (strcmp(kind, "recvmmsg") == 0) return receive_message(fd, buffer, room, 1);
  if (strcmp(kind, "splice_in") == 0) return receive_splice(fd, buffer, room);
  if (strcmp(kind, "uring") == 0) return uring_receive(fd, buffer, room);
  if (strcmp(kind, "nonblocking") == 0) return receive_nonblocking(fd, buffer, room);
  if (strcmp(kind, "checked") == 0) return __recv_chk(fd, buffer, room, kRoom, 0);
  if (strcmp(kind, "peek") == 0) {
    struct iovec part = {buffer, room};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (recv(fd, buffer, room, MSG_PEEK) <= 0) return 0;
    if (recvfrom(fd, buffer, 5, MSG_PEEK, NULL, NULL) <= 0) return 0;
    if (recvmsg(fd, &message, MSG_PEEK) <= 0) return 0;
    return recv(fd, buffer, room, 0);
  }
  return read(fd, buffer, room);
}

static ssize_t answer_message(int fd, struct iovec* parts, int flags, int many) {
  struct mmsghdr message;
  memset(&message, 0, sizeof(message));
  message.msg_hdr.msg_iov = parts;
  message.msg_hdr.msg_iovlen = 2;
  if (!many) return sendmsg(fd, &message.msg_hdr, flags);
  return sendmmsg(fd, &message, 1, flags) == 1 ? (ssize_t)message.msg_len : -1;
}

/* Head by send, body out of a file or a pipe. */
static ssize_t answer_from_kernel(int fd, const struct iovec* parts, int from_pipe) {
  int ends[2];
  ssize_t n = send(fd, parts[0].iov_base, parts[0].iov_len, MSG_MORE);
  if (n < 0) return n;
  if (from_pipe) {
    if (pipe(ends) != 0) fail("pipe");
    if (write(ends[1], parts[1].iov_base, parts[1].iov_len) < 0) fail("write");
    const ssize_t body = splice(ends[0], NULL, fd, NULL, parts[1].iov_len, 0);
    close(ends[0]);
    close(ends[1]);
    return body < 0 ? body : n + body;
  }
  const int file = memfd_create("body", 0);
  if (file < 0 || write(file, parts[1].iov_base, parts[1].iov_len) < 0) fail("memfd");
  off_t from = 0;
  const ssize_t body = sendfile(fd, file, &from, parts[1].iov_len);
  close(file);
  return body < 0 ? body : n + body;
}

static ssize_t answer(const char* kind, int fd, struct iovec* parts) {
  char whole[kRoom * 2];
  const size_t bytes = parts[0].iov_len + parts[1].iov_len;
  memcpy(whole, parts[0].iov_base, parts[0].iov_len);
  memcpy(whole + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
  if (strcmp(kind, "readv") == 0) return writev(fd, parts, 2);
  if (strcmp(kind, "recv") == 0 || strcmp(kind, "checked") == 0 || strcmp(kind, "peek") == 0)
    return send(fd, whole, bytes, MSG_NOSIGNAL);
  if (strcmp(kind, "recvfrom") == 0) return sendto(fd, whole, bytes, MSG_NOSIGNAL, NULL, 0);
  if (strcmp(kind, "recvmsg") == 0) return answer_message(fd, parts, MSG_NOSIGNAL, 0);
  if (strcmp(kind, "recvmmsg") == 0) return answer_message(fd, parts, MSG_NOSIGNAL, 1);
  if (strcmp(kind, "zerocopy") == 0) {
    const int one = 1;
    char control[256];
    struct msghdr message = {.msg_control = control, .msg_controllen = sizeof(control)};
    if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) != 0) fail("SO_ZEROCOPY");
    const ssize_t n = answer_message(fd, parts, MSG_NOSIGNAL | MSG_ZEROCOPY, 0);
    /* The kernel says when it has let go of the buffer: no bytes of the connection. */
    struct pollfd wait = {.fd = fd, .events = 0};
    poll(&wait, 1, 1000);
    recvmsg(fd, &message, MSG_ERRQUEUE);
    return n;
  }
  if (strcmp(kind, "uring") == 0) return uring_send(fd, whole, bytes);
  if (strcmp(kind, "sendfile") == 0) return answer_from_kernel(fd, parts, 0);
  if (strcmp(kind, "splice") == 0) return answer_from_kernel(fd, parts, 1);
  return write(fd, whole, bytes);
}

/* Until the client ends the connection, or `most` requests. */
static void serve(const char* kind, int fd, int most) {
  char buffer[kRoom];
  char head[256];
  size_t used = 0;
  for (int count = 0; count < most;) {
    const ssize_t n = receive(kind, fd, buffer + used, sizeof(buffer) - 1 - used);
    if (n <= 0) return;
    used += (size_t)n;
    buffer[used] = 0;
    if (strstr(buffer, "\r\n\r\n") == NULL) continue;
    char* target = strchr(buffer, ' ') + 1;
    *strchr(target, ' ') = 0;
    const int length =
        snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n",
                 strlen(target), count + 1 == most ? "Connection: close\r\n" : "");
    struct iovec parts[2] = {{head, (size_t)length}, {target, strlen(target)}};
    const size_t bytes = (size_t)length + strlen(target);
    if (answer(kind, fd, parts) != (ssize_t)bytes) fail("answer");
    used = 0;
    ++count;
  }
}

/* ---- what happens to descriptors ---- */

static int passing[2]; /* a unix socket pair: accepted descriptors go to another process by it */

static void pass(int fd) {
  char byte = 'x';
  struct iovec part = {&byte, 1};
  union {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof(control)};
  memset(&control, 0, sizeof(control));
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
  if (sendmsg(passing[0], &message, 0) != 1) fail("sendmsg");
}

static void serve_passed(void) {
  for (;;) {
    char byte;
    struct iovec part = {&byte, 1};
    union {
      struct cmsghdr header;
      char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    if (recvmsg(passing[1], &message, 0) != 1) _exit(0);
    int fd;
    memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    serve("recv", fd, 1 << 30);
    close(fd);
  }
}

static void* close_it(void* fd) {
  close((int)(long)fd);
  return NULL;
}

static void in_child(int fd, int listening, int execute) {
  const pid_t child = fork();
  if (child == 0) {
    char number[16];
    close(listening);
    if (!execute) {
      serve("recv", fd, 1 << 30);
      _exit(0);
    }
    snprintf(number, sizeof(number), "%d", fd);
    execl("/proc/self/exe", "calls_server", "--serve", number, (char*)NULL);
    _exit(4);
  }
  close(fd);
  if (waitpid(child, NULL, 0) != child) fail("waitpid");
}

static void handle(const char* kind, int fd, int listening) {
  if (strcmp(kind, "dup") == 0) {
    const int copy = dup(fd);
    close(fd); /* the connection lives on */
    const int third = dup2(copy, copy + 100);
    serve("recv", copy, 1);
    close(copy);
    serve("read", third, 1 << 30);
    close(third);
  } else if (strcmp(kind, "passed") == 0) {
    pass(fd);
    close(fd);
  } else if (strcmp(kind, "forked") == 0 || strcmp(kind, "executed") == 0) {
    in_child(fd, listening, strcmp(kind, "executed") == 0);
  } else if (strcmp(kind, "elsewhere") == 0) {
    pthread_t closer;
    serve("recv", fd, 1);
    pthread_create(&closer, NULL, close_it, (void*)(long)fd);
    pthread_join(closer, NULL);
  } else if (strcmp(kind, "reused") == 0) {
    serve("recv", fd, 1);
    close(fd); /* the next connection gets the number */
  } else {
    serve(kind, fd, 1 << 30);
    close(fd);
  }
}

/* The first connection's thread: answers once, then waits for more on what others close meanwhile.
 */
static void* serve_overtaken(void* fd) {
  char buffer[kRoom];
  serve("recv", (int)(long)fd, 1);
  recv((int)(long)fd, buffer, sizeof(buffer), 0);
  return NULL;
}

/* Serves one after the other, each pair on the same number. */
static void overtake(int listening) {
  for (;;) {
    pthread_t reader;
    const int fd = accept(listening, NULL, NULL);
    if (fd < 0) continue;
    if (pthread_create(&reader, NULL, serve_overtaken, (void*)(long)fd) != 0)
      fail("pthread_create");
    struct pollfd next = {.fd = listening, .events = POLLIN};
    poll(&next, 1, -1); /* the client connects again once it has its answer */
    usleep(50000);      /* the reader waits by now */
    close(fd);
    const int second = accept(listening, NULL, NULL);
    if (second != fd) fail("the number is not reused");
    pthread_join(reader, NULL);
    serve("recv", second, 1);
    close(second);
  }
}

struct work {
  const char* kind;
  int fd;
  int listening;
};

static void* serve_connection(void* value) {
  struct work* work = value;
  handle(work->kind, work->fd, work->listening);
  free(work);
  return NULL;
}

static void* accept_loop(void* value) {
  struct work* port = value;
  if (strcmp(port->kind, "overtaken") == 0) overtake(port->fd);
  for (;;) {
    const int fd = accept(port->fd, NULL, NULL);
    if (fd < 0) continue;
    if (strcmp(port->kind, "reused") == 0) { /* on this thread, so that the number is free again */
      handle(port->kind, fd, port->fd);
      continue;
    }
    struct work* work = malloc(sizeof(*work));
    pthread_t thread;
    *work = (struct work){port->kind, fd, port->fd};
    if (pthread_create(&thread, NULL, serve_connection, work) != 0) fail("pthread_create");
    pthread_detach(thread);
  }
  return NULL;
}

static void listen_for(const char* kind) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof(address);
  struct work* port = malloc(sizeof(*port));
  pthread_t thread;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (struct sockaddr*)&address, length) != 0 || listen(fd, 64) != 0 ||
      getsockname(fd, (struct sockaddr*)&address, &length) != 0)
    fail("listen");
  *port = (struct work){kind, fd, fd};
  if (pthread_create(&thread, NULL, accept_loop, port) != 0) fail("pthread_create");
  printf("%s %d\n", kind, ntohs(address.sin_port));
}

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc == 3 && strcmp(argv[1], "--serve") == 0) {
    serve("recv", atoi(argv[2]), 1 << 30);
    return 0;
  }
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, NULL); /* before any thread: taken by sigwait below alone */
  pid_t receiver = 0;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "passed") != 0) continue;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, passing) != 0) fail("socketpair");
    receiver = fork();
    if (receiver == 0) {
      close(passing[0]);
      serve_passed();
    }
    close(passing[1]);
  }
  for (int i = 1; i < argc; ++i) listen_for(argv[i]);
  printf("ready\n");
  fflush(stdout);
  int number = 0;
  sigwait(&ends, &number);
  if (receiver != 0) {
    close(passing[0]); /* tells it to end */
    waitpid(receiver, NULL, 0);
  }
  return 0;
}

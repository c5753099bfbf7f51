/* A server in which one thread reads and others answer, at the worst moments: an answering thread
 * does not return from send() before the peer's next request has been read, or answered as well.
 * The answer to request n has the status 210 + n. Runs with after_send.c's library. */
#include <dlfcn.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener;
static int server = -1;
static int client = -1;
static int asked;

static void fail(const char* what) {
  perror(what);
  exit(99);
}

static void open_listener(struct sockaddr_in* address) {
  socklen_t length = sizeof(*address);
  memset(address, 0, sizeof(*address));
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr*)address, length) != 0 || listen(listener, 4) != 0 ||
      getsockname(listener, (struct sockaddr*)address, &length) != 0)
    fail("listen");
}

static void open_connection(const struct sockaddr_in* address) {
  client = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client, (const struct sockaddr*)address, sizeof(*address)) != 0) fail("connect");
  server = accept(listener, NULL, NULL);
  asked = 0;
}

static void close_connection(void) {
  close(client);
  close(server);
}

/* ---- the client's side ---- */

static void ask(void) {
  char request[64];
  const int n = snprintf(request, sizeof(request), "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", ++asked);
  if (write(client, request, (size_t)n) != n) fail("ask");
}

static void expect_answer(int number) {
  char answer[128];
  char expected[32];
  size_t used = 0;
  answer[0] = 0;
  while (strstr(answer, "\r\n\r\nok") == NULL) {
    const ssize_t n = read(client, answer + used, sizeof(answer) - 1 - used);
    if (n <= 0) fail("expect_answer");
    used += (size_t)n;
    answer[used] = 0;
  }
  snprintf(expected, sizeof(expected), "HTTP/1.1 %d ", 210 + number);
  if (strncmp(answer, expected, strlen(expected)) != 0) fail(answer);
}

/* ---- the server's side ---- */

static void receive(void) {
  char request[128];
  if (recv(server, request, sizeof(request), 0) <= 0) fail("receive");
}

static void send_all(int fd, const char* bytes) {
  if (send(fd, bytes, strlen(bytes), 0) != (ssize_t)strlen(bytes)) fail("send");
}

static const char* head_of(int number, char* head, size_t room) {
  snprintf(head, room, "HTTP/1.1 %d OK\r\nContent-Length: 2\r\n\r\n", 210 + number);
  return head;
}

static void answer(int number, int pieces) {
  char bytes[128];
  head_of(number, bytes, sizeof(bytes));
  if (pieces == 1) strcat(bytes, "ok");
  send_all(server, bytes);
  if (pieces == 2) send_all(server, "ok");
}

/* The thread whose last send returns late. */
static __thread int is_late;
static int left; /* to send before that one */
static int is_out;
static int may_return;

static void hold_back(int fd) {
  (void)fd;
  if (!is_late || --left > 0) return;
  __atomic_store_n(&is_out, 1, __ATOMIC_RELEASE);
  while (!__atomic_load_n(&may_return, __ATOMIC_ACQUIRE)) sched_yield();
}

static void* answer_late(void* pieces) {
  is_late = 1;
  answer(1, *(const int*)pieces);
  return NULL;
}

/* The first request is answered; the call that did has not returned. */
static pthread_t begin_late(int* pieces) {
  pthread_t thread;
  left = *pieces;
  is_out = may_return = 0;
  ask();
  receive();
  pthread_create(&thread, NULL, answer_late, pieces);
  while (!__atomic_load_n(&is_out, __ATOMIC_ACQUIRE)) sched_yield();
  expect_answer(1);
  return thread;
}

static void let_return(pthread_t thread) {
  __atomic_store_n(&may_return, 1, __ATOMIC_RELEASE);
  pthread_join(thread, NULL);
}

int main(int argc, char** argv) {
  struct sockaddr_in address;
  const char* mode = argc == 3 ? argv[1] : "";
  int pieces = argc == 3 ? atoi(argv[2]) : 0;
  void (**after_send)(int) = (void (**)(int))dlsym(RTLD_DEFAULT, "after_send");
  if (pieces < 1 || pieces > 2 || after_send == NULL) return 98;
  *after_send = hold_back;
  open_listener(&address);
  open_connection(&address);
  const pthread_t late = begin_late(&pieces);
  if (strcmp(mode, "closed") == 0) { /* and what was here is another connection by then */
    close_connection();
    open_connection(&address);
    ask();
    receive();
    let_return(late);
    answer(1, pieces);
    expect_answer(1);
    close_connection();
    return 0;
  }
  /* read: the next request is read by then; answered: all but one of them are answered. */
  const int overtaking = strcmp(mode, "answered") == 0 ? 3 : 0;
  for (int number = 2; number < 2 + overtaking; ++number) {
    ask();
    receive();
    answer(number, pieces);
    expect_answer(number);
  }
  ask();
  receive();
  let_return(late);
  answer(2 + overtaking, pieces);
  expect_answer(2 + overtaking);
  close_connection();
  return 0;
}

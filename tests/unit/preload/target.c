/* A program whose behaviour below the shim the tests look at: one mode a command line. Prints what
 * it found on standard output; the test compares it with the same run without the shim. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char** environ;
static const char kRequest[] = "GET /path HTTP/1.1\r\nHost: x\r\n\r\n";
static const char kHead[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";

static int listen_loopback(struct sockaddr_in* address) {
  socklen_t length = sizeof(*address);
  memset(address, 0, sizeof(*address));
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (struct sockaddr*)address, length) != 0 || listen(fd, 16) != 0 ||
      getsockname(fd, (struct sockaddr*)address, &length) != 0)
    exit(99);
  return fd;
}

static int connect_to(const struct sockaddr_in* address) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (const struct sockaddr*)address, sizeof(*address)) != 0) exit(98);
  return fd;
}

/* Both ends of a connection in one process: the client's end must not be taken for a server's. */
static void open_pair(int* server, int* client) {
  struct sockaddr_in address;
  const int listening = listen_loopback(&address);
  *client = connect_to(&address);
  *server = accept(listening, NULL, NULL);
  close(listening);
}

static void ask(int client) {
  if (send(client, kRequest, strlen(kRequest), 0) != (ssize_t)strlen(kRequest)) exit(97);
}

static void answer(int server, const char* body) {
  char buffer[512];
  const ssize_t n = recv(server, buffer, sizeof(buffer), 0);
  struct iovec parts[2] = {{(void*)kHead, strlen(kHead)}, {(void*)body, strlen(body)}};
  if (n != (ssize_t)strlen(kRequest) || writev(server, parts, 2) < 0) exit(96);
}

/* To a request that has been read; in two pieces. */
static void respond(int server) {
  if (send(server, kHead, strlen(kHead), 0) < 0 || send(server, "ok", 2, 0) < 0) exit(94);
}

static void expect_answer(int client) {
  char buffer[512];
  size_t used = 0;
  while (used < strlen(kHead) + 2) {
    const ssize_t n = read(client, buffer + used, sizeof(buffer) - used);
    if (n <= 0) exit(95);
    used += (size_t)n;
  }
}

static void turn(int server, int client) {
  ask(client);
  answer(server, "ok");
  expect_answer(client);
}

static int serve(int turns) {
  int server;
  int client;
  open_pair(&server, &client);
  for (int i = 0; i < turns; ++i) turn(server, client);
  close(server);
  close(client);
  return 0;
}

/* A response in many small pieces is one record; peeking is no receiving. */
static int pieces(void) {
  int server;
  int client;
  char buffer[512];
  open_pair(&server, &client);
  ask(client);
  if (recv(server, buffer, sizeof(buffer), MSG_PEEK) <= 0 || read(server, buffer, 5) != 5 ||
      read(server, buffer, sizeof(buffer)) <= 0)
    return 1;
  for (size_t i = 0; i < strlen(kHead); ++i)
    if (write(server, kHead + i, 1) != 1) return 1;
  close(server);
  close(client);
  return 0;
}

static int forks(void) {
  int server;
  int client;
  open_pair(&server, &client);
  turn(server, client);
  ask(client);
  const pid_t child = fork();
  if (child == 0) {
    answer(server, "ok");
    close(server);
    _exit(7);
  }
  int status = 0;
  waitpid(child, &status, 0);
  expect_answer(client);
  turn(server, client);
  close(server);
  printf("%d\n", WEXITSTATUS(status));
  return 0;
}

/* A vfork child shares the memory: what it closes must not be forgotten in the parent. */
static int spawns(void) {
  int server;
  int client;
  open_pair(&server, &client);
  turn(server, client);
  const pid_t child = vfork();
  if (child == 0) {
    close(server);
    execl("/bin/true", "true", (char*)NULL);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  turn(server, client);
  close(server);
  printf("%d\n", status);
  return 0;
}

static int self_exec(const char* program) {
  serve(1);
  execl(program, program, "serve", "2", (char*)NULL);
  return 94;
}

static int number_is_reused(void) {
  int server;
  int client;
  char byte = 'x';
  open_pair(&server, &client);
  turn(server, client);
  close(server);
  int file = open("/dev/zero", O_RDWR);
  if (file != server || read(file, &byte, 1) != 1 || byte != 0 || write(file, &byte, 1) != 1)
    return 1;
  close(file);
  close(client);
  return 0;
}

static int keeps_errno(void) {
  int server;
  int client;
  char buffer[16];
  open_pair(&server, &client);
  errno = 77;
  turn(server, client);
  printf("%d ", errno);
  fcntl(server, F_SETFL, O_NONBLOCK);
  const ssize_t again = recv(server, buffer, sizeof(buffer), 0);
  printf("%zd %d ", again, errno == EAGAIN);
  const int closed = close(1000);
  printf("%d %d ", closed, errno);
  const ssize_t bad = read(-1, buffer, sizeof(buffer));
  printf("%zd %d ", bad, errno);
  void* volatile nowhere = (void*)8; /* volatile: the compiler would see through it */
  const ssize_t fault = write(server, nowhere, 16);
  printf("%zd %d\n", fault, errno);
  close(server);
  close(client);
  return 0;
}

/* An event loop with two requests: the first one's answer takes another event. */
static int loop(void) {
  int server[2];
  int client[2];
  char buffer[256];
  open_pair(&server[0], &client[0]);
  open_pair(&server[1], &client[1]);
  ask(client[0]);
  if (recv(server[0], buffer, sizeof(buffer), 0) <= 0) return 1;
  struct pollfd both[2] = {{server[0], POLLIN, 0}, {server[1], POLLIN, 0}};
  poll(both, 2, 20);
  ask(client[1]);
  poll(both, 2, -1);
  if (recv(server[1], buffer, sizeof(buffer), 0) <= 0) return 1;
  respond(server[1]);
  expect_answer(client[1]);
  poll(both, 2, 0);
  respond(server[0]);
  expect_answer(client[0]);
  return 0;
}

struct held {
  pthread_mutex_t mutex;
  pthread_rwlock_t lock;
  sem_t taken;
};

static void* hold_for_a_while(void* argument) {
  struct held* held = argument;
  const struct timespec pause = {0, 30000000};
  pthread_mutex_lock(&held->mutex);
  pthread_rwlock_wrlock(&held->lock);
  sem_post(&held->taken);
  nanosleep(&pause, NULL);
  pthread_rwlock_unlock(&held->lock);
  nanosleep(&pause, NULL);
  pthread_mutex_unlock(&held->mutex);
  return NULL;
}

static void* die_with_it(void* mutex) {
  pthread_mutex_lock(mutex);
  return NULL;
}

/* Every kind of mutex answers as it does by itself, within a turn and outside of one. */
static void try_locks(void) {
  const struct timespec past = {1, 0};
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutex_t checked;
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&checked, &attributes);
  printf("%d ", pthread_mutex_lock(&checked));
  printf("%d ", pthread_mutex_lock(&checked));
  printf("%d ", pthread_mutex_timedlock(&checked, &past));
  printf("%d ", pthread_mutex_unlock(&checked));
  pthread_mutex_t recursive;
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&recursive, &attributes);
  printf("%d ", pthread_mutex_lock(&recursive));
  printf("%d ", pthread_mutex_lock(&recursive));
  printf("%d ", pthread_mutex_unlock(&recursive));
  printf("%d ", pthread_mutex_unlock(&recursive));
  printf("%d ", pthread_mutex_unlock(&recursive));
  pthread_mutex_t robust;
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_NORMAL);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attributes);
  pthread_t thread;
  pthread_create(&thread, NULL, die_with_it, &robust);
  pthread_join(thread, NULL);
  printf("%d ", pthread_mutex_lock(&robust));
  printf("%d ", pthread_mutex_unlock(&robust)); /* not made consistent */
  printf("%d ", pthread_mutex_lock(&robust));
  struct held held = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_RWLOCK_INITIALIZER, {{0}}};
  sem_init(&held.taken, 0, 0);
  pthread_create(&thread, NULL, hold_for_a_while, &held);
  sem_wait(&held.taken);
  errno = 78;
  printf("%d ", pthread_mutex_timedlock(&held.mutex, &past));
  printf("%d ", pthread_rwlock_timedrdlock(&held.lock, &past));
  printf("%d ", pthread_rwlock_rdlock(&held.lock));
  printf("%d ", pthread_mutex_lock(&held.mutex));
  printf("%d\n", errno);
  pthread_join(thread, NULL);
}

static int locks(void) {
  int server;
  int client;
  open_pair(&server, &client);
  try_locks();
  ask(client);
  char buffer[256];
  if (recv(server, buffer, sizeof(buffer), 0) <= 0) return 1;
  try_locks();
  int status = 0;
  const int missing = waitpid(-1, &status, WNOHANG);
  printf("%d %d ", missing, errno);
  const int no_file = fsync(-1);
  printf("%d %d ", no_file, errno);
  const ssize_t no_bytes = pread(-1, buffer, 1, 0);
  printf("%zd %d ", no_bytes, errno);
  const int no_lock = flock(-1, LOCK_EX);
  printf("%d %d\n", no_lock, errno);
  respond(server);
  expect_answer(client);
  close(server);
  close(client);
  return 0;
}

/* Every signal but ours and the two of glibc can be handled, and is seen at its own handler. */
static volatile sig_atomic_t seen;
static void on_signal(int number) { seen = number; }

static int signals(void) {
  serve(1); /* recording begins here */
  for (int number = 1; number <= SIGRTMAX; ++number) {
    struct sigaction action;
    struct sigaction old;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    if (sigaction(number, NULL, &old) != 0 || old.sa_handler != SIG_DFL ||
        sigaction(number, &action, NULL) != 0)
      continue;
    seen = 0;
    raise(number);
    sigaction(number, NULL, &old);
    printf("%d:%d%s ", number, (int)seen, old.sa_handler == on_signal ? "" : "!");
  }
  printf("\n");
  return 0;
}

static volatile unsigned long sink;
static void burn(long ms) {
  struct timespec began;
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
  do {
    for (int i = 0; i < 1000; ++i) sink += (unsigned long)i;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  } while ((now.tv_sec - began.tv_sec) * 1000 + (now.tv_nsec - began.tv_nsec) / 1000000 < ms);
}

static void* handle_slowly(void* argument) {
  const int* ends = argument;
  char buffer[512];
  if (read(ends[0], buffer, sizeof(buffer)) <= 0) exit(93);
  burn(300);
  const struct timespec pause = {0, 30000000};
  nanosleep(&pause, NULL);
  if (send(ends[0], kHead, strlen(kHead), 0) < 0) exit(92);
  return NULL;
}

/* 300 ms of CPU and 30 ms asleep within a turn, on a thread of its own. */
static int burns(void) {
  int ends[2];
  pthread_t thread;
  open_pair(&ends[0], &ends[1]);
  ask(ends[1]);
  pthread_create(&thread, NULL, handle_slowly, ends);
  pthread_join(thread, NULL);
  close(ends[0]);
  return 0;
}

static void* sit_in_poll(void* argument) {
  (void)poll(NULL, 0, 60000);
  return argument;
}

/* Cancellation within a forwarded call, and many threads that come and go. */
static int threads(void) {
  serve(1);
  for (int i = 0; i < 200; ++i) {
    pthread_t thread;
    void* value = NULL;
    if (pthread_create(&thread, NULL, sit_in_poll, NULL) != 0) return 1;
    pthread_cancel(thread);
    pthread_join(thread, &value);
    if (value != PTHREAD_CANCELED) return 2;
  }
  return serve(1);
}

static int loads(void) {
  int server;
  int client;
  open_pair(&server, &client);
  turn(server, client);
  void* handle = dlopen("libz.so.1", RTLD_NOW);
  const struct timespec pause = {0, 120000000};
  nanosleep(&pause, NULL);
  turn(server, client);
  printf("%d\n", handle != NULL);
  return 0;
}

int main(int argc, char** argv) {
  const char* mode = argc > 1 ? argv[1] : "";
  if (strcmp(mode, "serve") == 0) return serve(argc > 2 ? atoi(argv[2]) : 1);
  if (strcmp(mode, "pieces") == 0) return pieces();
  if (strcmp(mode, "forks") == 0) return forks();
  if (strcmp(mode, "spawns") == 0) return spawns();
  if (strcmp(mode, "exec") == 0) return self_exec(argv[0]);
  if (strcmp(mode, "reuse") == 0) return number_is_reused();
  if (strcmp(mode, "errno") == 0) return keeps_errno();
  if (strcmp(mode, "loop") == 0) return loop();
  if (strcmp(mode, "locks") == 0) return locks();
  if (strcmp(mode, "signals") == 0) return signals();
  if (strcmp(mode, "burns") == 0) return burns();
  if (strcmp(mode, "threads") == 0) return threads();
  if (strcmp(mode, "loads") == 0) return loads();
  if (strcmp(mode, "killed") == 0) {
    serve(3);
    raise(SIGKILL);
  }
  if (strcmp(mode, "status") == 0) {
    serve(1);
    return 5;
  }
  return strcmp(mode, "plain") == 0 ? 0 : 64;
}

/* A server that does what the shim must bear: one mode a command line. What it prints, and how it
 * ends, must be the same without the shim. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static int client;
static int server;

static void serve(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof(address);
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listening, (struct sockaddr*)&address, length) != 0 || listen(listening, 8) != 0 ||
      getsockname(listening, (struct sockaddr*)&address, &length) != 0)
    exit(99);
  client = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(client, (struct sockaddr*)&address, length) != 0) exit(98);
  server = accept(listening, NULL, NULL);
}

static const char kRequest[] = "GET / HTTP/1.1\r\n\r\n";
static const char kAnswer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static void turn(void) {
  char buffer[100];
  if (write(client, kRequest, strlen(kRequest)) < 0 ||
      read(server, buffer, sizeof(buffer)) != (ssize_t)strlen(kRequest) ||
      write(server, kAnswer, strlen(kAnswer)) < 0 ||
      read(client, buffer, sizeof(buffer)) != (ssize_t)strlen(kAnswer))
    _exit(97);
}

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void burn(double time) {
  const double end = seconds(CLOCK_THREAD_CPUTIME_ID) + time;
  while (seconds(CLOCK_THREAD_CPUTIME_ID) < end) {
  }
}

static void say(const char* text) {
  if (write(1, text, strlen(text)) < 0) _exit(96);
}

/* ---- stacks that are not the thread's own ---- */

static ucontext_t back;
static ucontext_t coroutine;
static void run_coroutine(void) {
  burn(0.3);
  swapcontext(&coroutine, &back);
}

static void* with_coroutine(void* argument) {
  const size_t bytes = 256 << 10;
  /* Below the thread's own stack, as the kernel places it most of the time; guarded. */
  char* near = (char*)((unsigned long)&argument & ~4095ul) - (16 << 20);
  char* stack =
      mmap(near, bytes + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (stack == MAP_FAILED) exit(95);
  mprotect(stack + 4096, bytes, PROT_READ | PROT_WRITE);
  getcontext(&coroutine);
  coroutine.uc_stack.ss_sp = stack + 4096;
  coroutine.uc_stack.ss_size = bytes;
  makecontext(&coroutine, run_coroutine, 0);
  swapcontext(&back, &coroutine);
  return argument;
}

static int coroutines(void) {
  pthread_t thread;
  serve();
  pthread_create(&thread, NULL, with_coroutine, NULL);
  pthread_join(thread, NULL);
  say("done\n");
  return 0;
}

static int small_signal_stack(void) {
  serve();
  char* memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(memory, 4096, PROT_NONE);
  const stack_t stack = {.ss_sp = memory + 4096, .ss_size = 2048};
  if (sigaltstack(&stack, NULL) != 0) return 1;
  burn(0.3);
  say("done\n");
  return 0;
}

/* ---- limits ---- */

static int file_size_limit(void) {
  const struct rlimit limit = {1 << 20, 1 << 20};
  setrlimit(RLIMIT_FSIZE, &limit);
  serve();
  turn();
  say("done\n");
  return 0;
}

static int few_descriptors(void) {
  const struct rlimit limit = {20, 20};
  setrlimit(RLIMIT_NOFILE, &limit);
  serve();
  printf("%d\n", open("/dev/null", O_RDONLY));
  return 0;
}

/* ---- sandboxes ---- */

static int strict(void) {
  serve();
  turn();
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
  for (int i = 0; i < 3; ++i) turn();
  say("done\n");
  syscall(SYS_exit, 0);
  return 1;
}

static int filter(void) {
  static const int kAllowed[] = {SYS_read,         SYS_write,         SYS_exit_group,
                                 SYS_rt_sigreturn, SYS_clock_gettime, SYS_close};
  struct sock_filter program[64];
  unsigned short used = 0;
  program[used++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (size_t i = 0; i < sizeof(kAllowed) / sizeof(*kAllowed); ++i) {
    program[used++] =
        (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)kAllowed[i], 0, 1);
    program[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  program[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  const struct sock_fprog whole = {used, program};
  serve();
  turn();
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole) != 0) return 1;
  turn();
  burn(0.1);
  close(server);
  say("done\n");
  _exit(0);
}

/* ---- signals ---- */

static volatile sig_atomic_t handled;
static void on_signal(int number) {
  (void)number;
  ++handled;
}

static int waits_for_the_signal(void) {
  sigset_t set;
  int number = 0;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMAX);
  sigprocmask(SIG_BLOCK, &set, NULL);
  serve();
  kill(getpid(), SIGRTMAX);
  alarm(3);
  const int result = sigwait(&set, &number);
  printf("%d %d\n", result, number == SIGRTMAX);
  return 0;
}

/* Claims the signal after the sampler has taken it, with flags of its own. */
static int claims_the_signal(void) {
  serve();
  turn();
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
  struct sigaction old;
  sigaction(SIGRTMAX, &action, &old);
  const int was_default = old.sa_handler == SIG_DFL;
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    usleep(200000);
    kill(parent, SIGRTMAX);
    _exit(0);
  }
  char byte;
  errno = 0;
  const ssize_t n = read(server, &byte, 1);
  sigaction(SIGRTMAX, NULL, &old);
  burn(0.1);
  printf("%d %zd %d %d %d\n", was_default, n, errno, (int)handled, old.sa_handler == SIG_DFL);
  waitpid(child, NULL, 0);
  return 0;
}

static int suspends(void) {
  sigset_t all;
  sigset_t none;
  sigset_t pending;
  sigfillset(&all);
  sigemptyset(&none);
  serve();
  signal(SIGALRM, on_signal);
  sigprocmask(SIG_SETMASK, &all, NULL);
  burn(0.1); /* an expiry of the sampler's is pending now */
  alarm(1);
  sigpending(&pending);
  int count = 0;
  for (int number = 1; number <= SIGRTMAX; ++number) count += sigismember(&pending, number) == 1;
  const int result = sigsuspend(&none);
  printf("%d %d %d %d\n", count, result, errno == EINTR, (int)handled);
  return 0;
}

static int interrupted_sleep(void) {
  const struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGALRM, &action, NULL);
  alarm(1);
  usleep(700000); /* what is left of a sleep is cut off, not rounded: of 3 - 0.3 s, 2 */
  printf("%u\n", sleep(3));
  return 0;
}

/* The value that marks the sampler's timers: "signal: 64/0x..." (proc(5), /proc/PID/timers). */
static void* sampler_mark(int* number) {
  FILE* file = fopen("/proc/self/timers", "r");
  char line[200];
  unsigned long mark = 0;
  while (file != NULL && fgets(line, sizeof(line), file) != NULL)
    if (sscanf(line, "signal: %d/%lx", number, &mark) == 2) break;
  if (file != NULL) fclose(file);
  return (void*)mark;
}

static pid_t sleeper;
static void* send_expiries(void* argument) {
  int number = 0;
  siginfo_t info;
  memset(&info, 0, sizeof(info));
  info.si_ptr = sampler_mark(&number);
  info.si_code = SI_TIMER;
  info.si_signo = number;
  for (int i = 0; i < 4 && number != 0; ++i) {
    usleep(50000);
    syscall(SYS_rt_tgsigqueueinfo, getpid(), sleeper, number, &info);
  }
  return argument;
}

/* Expiries within a sleep whose two arguments are the same: it lasts as long as was asked for. */
static int sleeps_in_place(void) {
  pthread_t thread;
  serve();
  sleeper = getpid();
  pthread_create(&thread, NULL, send_expiries, NULL);
  struct timespec time = {0, 500000000};
  const double began = seconds(CLOCK_MONOTONIC);
  const int result = nanosleep(&time, &time);
  const double took = seconds(CLOCK_MONOTONIC) - began;
  printf("%d %d\n", result, took >= 0.5 && took < 0.9);
  pthread_join(thread, NULL);
  return 0;
}

/* ---- descriptors, messages, threads ---- */

static void* replace_numbers(void* argument) {
  turn();
  const int file = open("/etc/passwd", O_RDONLY);
  for (int fd = 768; fd < 776; ++fd) syscall(SYS_dup2, file, fd); /* unseen by the shim */
  return argument;
}

static int own_numbers(void) {
  pthread_t thread;
  serve();
  pthread_create(&thread, NULL, replace_numbers, NULL);
  pthread_join(thread, NULL);
  for (int fd = 768; fd < 776; ++fd) printf("%d ", fcntl(fd, F_GETFD));
  printf("\n");
  return 0;
}

static void* one_turn(void* argument) {
  turn();
  sem_wait(argument);
  return NULL;
}

static int forks_among_threads(void) {
  sem_t gate;
  pthread_t threads[3];
  sem_init(&gate, 0, 0);
  serve();
  for (int i = 0; i < 3; ++i) {
    pthread_create(&threads[i], NULL, one_turn, &gate);
    usleep(50000);
  }
  const pid_t child = fork();
  if (child == 0) {
    int inherited = 0;
    char path[64];
    char target[200];
    for (int fd = 0; fd < 1024; ++fd) {
      snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
      const ssize_t n = readlink(path, target, sizeof(target) - 1);
      target[n > 0 ? n : 0] = 0;
      inherited += strstr(target, "schedstat") != NULL;
    }
    _exit(inherited);
  }
  int status = 0;
  waitpid(child, &status, 0);
  printf("%d\n", WEXITSTATUS(status));
  for (int i = 0; i < 3; ++i) sem_post(&gate);
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  return 0;
}

static int bad_messages(void) {
  void* volatile nowhere = (void*)8; /* volatile: the compiler would see through it */
  serve();
  const ssize_t sent = sendmsg(server, nowhere, 0);
  const int send_error = errno;
  const ssize_t received = recvmsg(server, nowhere, MSG_DONTWAIT);
  printf("%zd %d %zd %d\n", sent, send_error, received, errno);
  return 0;
}

static pthread_key_t key;
static void destroy(void* value) {
  if (write(server, "x", 1) == 1 && (long)value < 4)
    pthread_setspecific(key, (void*)((long)value + 1));
}
static void* set_key(void* argument) {
  pthread_setspecific(key, (void*)1);
  return argument;
}

static int destructors(void) {
  serve();
  turn();
  pthread_key_create(&key, destroy);
  for (int i = 0; i < 100; ++i) {
    pthread_t thread;
    pthread_create(&thread, NULL, set_key, NULL);
    pthread_join(thread, NULL);
  }
  FILE* file = fopen("/proc/self/timers", "r");
  char line[200];
  int timers = 0;
  while (file != NULL && fgets(line, sizeof(line), file) != NULL)
    timers += strncmp(line, "ID:", 3) == 0;
  printf("%d\n", timers <= 1);
  return 0;
}

/* Eight workers record; then the application fills 4 MB of shared memory of its own. The argument
 * is a file on the file system that the rings are on. */
static int shared_memory(const char* path) {
  int gate[2];
  pid_t workers[8];
  if (pipe(gate) != 0) return 1;
  serve();
  for (int i = 0; i < 8; ++i) {
    workers[i] = fork();
    if (workers[i] == 0) {
      char byte;
      close(gate[1]);
      turn(); /* before the parent's next fork: each waits for the one before */
      if (read(gate[0], &byte, 1) != 0) _exit(1);
      _exit(0);
    }
    usleep(60000);
  }
  const int fd = open(path, O_RDWR | O_CREAT, 0600);
  if (ftruncate(fd, 4 << 20) != 0) return 2;
  char* memory = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  memset(memory, 1, 4 << 20);
  say("done\n");
  close(gate[0]);
  close(gate[1]);
  for (int i = 0; i < 8; ++i) waitpid(workers[i], NULL, 0);
  return unlink(path);
}

int main(int argc, char** argv) {
  static const struct {
    const char* name;
    int (*run)(void);
  } kModes[] = {{"coroutine", coroutines},
                {"altstack", small_signal_stack},
                {"fsize", file_size_limit},
                {"nofile", few_descriptors},
                {"strict", strict},
                {"filter", filter},
                {"sigwait", waits_for_the_signal},
                {"claim", claims_the_signal},
                {"sigsuspend", suspends},
                {"sleep", interrupted_sleep},
                {"alias", sleeps_in_place},
                {"numbers", own_numbers},
                {"forkfds", forks_among_threads},
                {"efault", bad_messages},
                {"destructors", destructors}};
  alarm(8); /* nothing hangs; some modes set a sooner one */
  if (argc == 3 && strcmp(argv[1], "shm") == 0) return shared_memory(argv[2]);
  for (size_t i = 0; argc == 2 && i < sizeof(kModes) / sizeof(*kModes); ++i)
    if (strcmp(argv[1], kModes[i].name) == 0) return kModes[i].run();
  return 64;
}

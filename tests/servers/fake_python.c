/* A server that looks like a process with a Python interpreter and is none: what lies behind the
 * interpreter's symbols is a lie of the kind that the argument names. It talks to itself for a
 * while, burning CPU, and says "done": with and without a profiler, whatever that one believes.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* As python_versions.h has 3.11: offsets in bytes. */
enum {
  kInterpreters = 40,
  kInterpreterThreads = 16,
  kThreadNext = 8,
  kThreadId = 152,
  kThreadFrame = 56,
  kCframeFrame = 8,
  kFrameCode = 32,
  kFramePrevious = 48,
  kCodeLine = 72,
  kCodeFile = 112,
  kCodeName = 128,
  kCodeTable = 136,
};

__attribute__((visibility("default"))) uint64_t _PyRuntime[512];
__attribute__((visibility("default"))) uint64_t PyCode_Type[64];
__attribute__((visibility("default"))) unsigned long Py_Version = 0x030b02f0;

static uint64_t interpreter[64];
static uint64_t thread[64];
static uint64_t cframe[8];
static uint64_t frame[32];
static uint64_t code[64];
static uint64_t text[64];

static void put(uint64_t* object, int offset, uint64_t value) { object[offset / 8] = value; }
static uint64_t at(const void* object) { return (uint64_t)(uintptr_t)object; }

/* One interpreter, one thread, one frame of one code object. */
static void build(void) {
  put(_PyRuntime, kInterpreters, at(interpreter));
  put(interpreter, kInterpreterThreads, at(thread));
  put(thread, kThreadId, (uint64_t)pthread_self());
  put(thread, kThreadFrame, at(cframe));
  put(cframe, kCframeFrame, at(frame));
  put(frame, kFrameCode, at(code));
  put(code, 8, at(PyCode_Type));
  put(code, kCodeLine, 7);
  put(code, kCodeFile, at(text));
  put(code, kCodeName, at(text));
  put(code, kCodeTable, at(text));
  text[2] = 4;    /* length */
  text[4] = 0x64; /* compact, ASCII, one byte a character */
  memcpy(&text[6], "fake", 4);
}

static void* shift(void* unused) {
  unsigned seed = 1;
  for (;;) {
    uint64_t* objects[] = {interpreter, thread, cframe, frame, code, text};
    uint64_t* object = objects[rand_r(&seed) % 6];
    object[rand_r(&seed) % 16] = rand_r(&seed) % 2 ? at(objects[rand_r(&seed) % 6])
                                                   : (uint64_t)rand_r(&seed) * 0x100010001ull;
    if (rand_r(&seed) % 64 == 0) build();
  }
  return unused;
}

static int lie(const char* kind) {
  build();
  if (strcmp(kind, "loop") == 0) {
    put(frame, kFramePrevious, at(frame));
    put(thread, kThreadNext, at(thread));
  } else if (strcmp(kind, "threads") == 0) {
    put(thread, kThreadId, 1);
    put(thread, kThreadNext, at(thread));
  } else if (strcmp(kind, "unmapped") == 0) {
    put(frame, kFramePrevious, 0x10);
    put(code, kCodeFile, 0xdeadbeef000);
    put(code, kCodeTable, ~0ull);
  } else if (strcmp(kind, "texts") == 0) {
    text[2] = ~0ull >> 1;
    text[4] = 0x30; /* four bytes a character */
  } else if (strcmp(kind, "shifting") == 0) {
    pthread_t other;
    return pthread_create(&other, NULL, shift, NULL);
  } else if (strcmp(kind, "future") == 0) {
    Py_Version = 0x036300f0;
  } else if (strcmp(kind, "free-threaded") == 0) {
    Py_Version = 0x030d00f0;
    memcpy(_PyRuntime, "xdebugpy", 8);
    _PyRuntime[2] = 1;
  } else if (strcmp(kind, "offsets") == 0) {
    Py_Version = 0x030d00f0;
    memcpy(_PyRuntime, "xdebugpy", 8);
    _PyRuntime[5] = ~0ull;
  } else {
    return strcmp(kind, "plain");
  }
  return 0;
}

static double cpu_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char** argv) {
  static const char kRequest[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  static const char kAnswer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof(address);
  char buffer[100];
  if (argc != 2 || lie(argv[1]) != 0) return 2;
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listening, (struct sockaddr*)&address, length) != 0 || listen(listening, 8) != 0 ||
      getsockname(listening, (struct sockaddr*)&address, &length) != 0 ||
      connect(client, (struct sockaddr*)&address, length) != 0)
    return 3;
  const int server = accept(listening, NULL, NULL);
  for (int i = 0; i < 5; ++i) {
    if (write(client, kRequest, strlen(kRequest)) < 0 || read(server, buffer, sizeof(buffer)) <= 0)
      return 4;
    for (const double end = cpu_seconds() + 0.1; cpu_seconds() < end;) {
    }
    if (write(server, kAnswer, strlen(kAnswer)) < 0 || read(client, buffer, sizeof(buffer)) <= 0)
      return 5;
  }
  puts("done");
  return 0;
}

#include "tests/servers/known_work.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <thread>

#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

int64_t Now(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

// Iterations between two looks at the clock: some 20 us, so that reading it costs little.
constexpr int kSpin = 20'000;

}  // namespace

// Bodies differ on purpose: identical ones are folded into one function by some linkers.
extern "C" __attribute__((noinline)) void burn_alpha(int64_t ns) {
  volatile uint64_t value = 1;
  for (int64_t end = Now(CLOCK_THREAD_CPUTIME_ID) + ns; Now(CLOCK_THREAD_CPUTIME_ID) < end;) {
    for (int i = 0; i < kSpin; ++i) value = value * 3 + 1;
  }
}

extern "C" __attribute__((noinline)) void burn_beta(int64_t ns) {
  volatile uint64_t value = 7;
  for (int64_t end = Now(CLOCK_THREAD_CPUTIME_ID) + ns; Now(CLOCK_THREAD_CPUTIME_ID) < end;) {
    for (int i = 0; i < kSpin; ++i) value = (value ^ 0x9e3779b9) + 5;
  }
}

extern "C" __attribute__((noinline)) void recurse(int64_t frames, int64_t ns) {
  if (frames > 1) {
    recurse(frames - 1, ns);
  } else {
    burn_alpha(ns);
  }
  asm volatile("");  // no tail call
}

extern "C" __attribute__((noinline)) void descend(int64_t frames, int64_t ns) {
  volatile char room[1000];
  room[0] = static_cast<char>(frames);
  if (frames > 1) {
    descend(frames - 1, ns);
  } else {
    burn_alpha(ns);
    wait_for_timer(ns);
  }
  room[1] = room[0];  // no tail call
}

extern "C" __attribute__((noinline)) int64_t wait_for_timer(int64_t ns) {
  const int64_t begin = Now(CLOCK_MONOTONIC);
  const int64_t end = begin + ns;
  const timespec until{.tv_sec = end / 1'000'000'000, .tv_nsec = end % 1'000'000'000};
  // Not SleepMs: it is this function that shall be seen to wait.
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
  return Now(CLOCK_MONOTONIC) - begin;
}

extern "C" __attribute__((noinline)) int64_t wait_for_lock(int64_t ns) {
  const int64_t begin = Now(CLOCK_MONOTONIC);
  std::mutex mutex;
  sem_t held;
  sem_init(&held, 0, 0);
  std::thread holder([&] {
    const std::lock_guard<std::mutex> lock(mutex);
    sem_post(&held);
    pinfo::testing::SleepMs(ns / 1'000'000);
  });
  while (sem_wait(&held) != 0) {
  }
  mutex.lock();
  mutex.unlock();
  holder.join();
  sem_destroy(&held);
  return Now(CLOCK_MONOTONIC) - begin;
}

extern "C" __attribute__((noinline)) int64_t wait_for_upstream(int64_t ns) {
  const int64_t begin = Now(CLOCK_MONOTONIC);
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return 0;
  std::thread upstream([&] {
    char question = 0;
    if (read(ends[1], &question, 1) != 1) return;
    pinfo::testing::SleepMs(ns / 1'000'000);
    if (write(ends[1], &question, 1) != 1) return;
  });
  char answer = '?';
  if (write(ends[0], &answer, 1) == 1) {
    while (read(ends[0], &answer, 1) < 0 && errno == EINTR) {
    }
  }
  upstream.join();
  close(ends[0]);
  close(ends[1]);
  return Now(CLOCK_MONOTONIC) - begin;
}

namespace pinfo::testing {

int64_t MonotonicNs() { return Now(CLOCK_MONOTONIC); }
int64_t ThreadCpuNs() { return Now(CLOCK_THREAD_CPUTIME_ID); }

int64_t ThreadReadyNs() {
  long long on_cpu = 0;
  long long ready = 0;
  if (FILE* const file = fopen("/proc/thread-self/schedstat", "re")) {
    if (fscanf(file, "%lld %lld", &on_cpu, &ready) != 2) ready = 0;
    fclose(file);
  }
  return ready;
}

void SleepMs(int64_t ms) {
  int64_t end = MonotonicNs() + ms * 1'000'000;
  timespec until{.tv_sec = end / 1'000'000'000, .tv_nsec = end % 1'000'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

void Burn(int64_t ms, int64_t share) {
  // No divisor of a scheduler tick (4 ms at HZ=250, 1 ms at 1000): the kernel looks at CPU-time
  // timers only at ticks, and a slice in step with them would be sampled at one and the same place.
  constexpr int64_t kSlice = 2'700'000;
  int64_t end = Now(CLOCK_THREAD_CPUTIME_ID) + ms * 1'000'000;
  // What one slice overran its part by is taken off the same function's next part.
  int64_t alpha_debt = 0;
  int64_t beta_debt = 0;
  for (int64_t now = Now(CLOCK_THREAD_CPUTIME_ID); now < end;) {
    int64_t slice = std::min(kSlice, end - now);
    int64_t alpha = slice * share / 100;
    burn_alpha(std::max<int64_t>(0, alpha - alpha_debt));
    int64_t between = Now(CLOCK_THREAD_CPUTIME_ID);
    alpha_debt += between - now - alpha;
    burn_beta(std::max<int64_t>(0, slice - alpha - beta_debt));
    now = Now(CLOCK_THREAD_CPUTIME_ID);
    beta_debt += now - between - (slice - alpha);
  }
}

}  // namespace pinfo::testing

/* SPDX-License-Identifier: MIT */
/*
 * Calls that wait. Before: what the thread holds goes out. After: the CPU clock is read again, and a
 * long wait within a turn leaves a stack.
 *
 * Our signal reaches running threads only, but one may be on its way into the wait. The calls that
 * the kernel does not restart by itself (signal(7)) are then repeated with what is left of the
 * time, so that the application never sees an EINTR of ours.
 */
#include <errno.h>
#include <limits.h>

#include "preload/capture.h"
#include "preload/exact.h"
#include "preload/real.h"

static struct timespec time_left(const struct timespec* whole, pinfo_u64 since) {
  const pinfo_u64 total = (pinfo_u64)whole->tv_sec * 1000000000u + (pinfo_u64)whole->tv_nsec;
  const pinfo_u64 passed = pinfo_now() - since;
  const pinfo_u64 left = passed < total ? total - passed : 0;
  return (struct timespec){(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
}

static int milliseconds_left(int timeout, pinfo_u64 since) {
  if (timeout <= 0) return timeout;
  const pinfo_u64 passed = (pinfo_now() - since) / 1000000u;
  return passed < (pinfo_u64)timeout ? timeout - (int)passed : 0;
}

/* A sandbox may have taken the time stamp counter away (process.h); nothing is repeated there. */
static pinfo_u64 wait_start(void) { return pinfo_process.ready ? pinfo_now() : 0; }

/* kind: of the wait. call: with `timeout` or `left` in place. again: what is left of the time. */
#define PINFO_WAIT(kind, call, again)                                        \
  struct pinfo_wait_state wait = pinfo_wait_begins(kind);                    \
  const pinfo_u64 since = wait.began_ns != 0 ? wait.began_ns : wait_start(); \
  int result = (call);                                                       \
  while (result < 0 && errno == EINTR && pinfo_wait_to_repeat(&wait)) {      \
    again;                                                                   \
    result = (call);                                                         \
  }                                                                          \
  pinfo_wait_ended(&wait);                                                   \
  return result

/* A loop that asks whether there is more to do, while it has something to do, does not wait: the
 * turn stays its thread's. asyncio does so between reading a request and handling it. */
static enum pinfo_wait kind_of_timeout(int milliseconds) {
  return milliseconds == 0 ? PINFO_WAIT_WITHIN : PINFO_WAIT_FOR_EVENTS;
}

PINFO_EXPORT int epoll_wait(int fd, struct epoll_event* events, int room, int timeout) {
  int left = timeout;
  PINFO_WAIT(kind_of_timeout(timeout),
             PINFO_FORWARD(epoll_wait, SYS_epoll_wait, fd, events, room, left),
             left = milliseconds_left(timeout, since));
}

/* The system calls themselves want the size of the kernel's signal set: 8 bytes. */
PINFO_EXPORT int epoll_pwait(int fd, struct epoll_event* events, int room, int timeout,
                             const sigset_t* mask) {
  int left = timeout;
  PINFO_WAIT(kind_of_timeout(timeout),
             PINFO_REAL(epoll_pwait) != NULL
                 ? pinfo_real.p_epoll_pwait(fd, events, room, left, mask)
                 : (int)syscall(SYS_epoll_pwait, fd, events, room, left, mask, 8),
             left = milliseconds_left(timeout, since));
}

PINFO_EXPORT int epoll_pwait2(int fd, struct epoll_event* events, int room,
                              const struct timespec* timeout, const sigset_t* mask) {
  struct timespec rest;
  const struct timespec* left = timeout;
  PINFO_WAIT(
      PINFO_WAIT_FOR_EVENTS,
      PINFO_REAL(epoll_pwait2) != NULL
          ? pinfo_real.p_epoll_pwait2(fd, events, room, left, mask)
          : (int)syscall(SYS_epoll_pwait2, fd, events, room, left, mask, 8),
      if (timeout != NULL) {
        rest = time_left(timeout, since);
        left = &rest;
      });
}

/* Waiting for one descriptor is what clients of a back end do within a turn; more is a loop. */
static enum pinfo_wait kind_of(unsigned long count) {
  return count > 1 ? PINFO_WAIT_FOR_EVENTS : PINFO_WAIT_WITHIN;
}

PINFO_EXPORT int poll(struct pollfd* fds, nfds_t count, int timeout) {
  int left = timeout;
  PINFO_WAIT(kind_of(count), PINFO_FORWARD(poll, SYS_poll, fds, count, left),
             left = milliseconds_left(timeout, since));
}

PINFO_EXPORT int __poll_chk(struct pollfd* fds, nfds_t count, int timeout, size_t room) {
  int left = timeout;
  PINFO_WAIT(kind_of(count), PINFO_FORWARD(__poll_chk, SYS_poll, fds, count, left, room),
             left = milliseconds_left(timeout, since));
}

PINFO_EXPORT int ppoll(struct pollfd* fds, nfds_t count, const struct timespec* timeout,
                       const sigset_t* mask) {
  struct timespec rest;
  const struct timespec* left = timeout;
  PINFO_WAIT(
      kind_of(count),
      PINFO_REAL(ppoll) != NULL ? pinfo_real.p_ppoll(fds, count, left, mask)
                                : (int)syscall(SYS_ppoll, fds, count, left, mask, 8),
      if (timeout != NULL) {
        rest = time_left(timeout, since);
        left = &rest;
      });
}

PINFO_EXPORT int __ppoll_chk(struct pollfd* fds, nfds_t count, const struct timespec* timeout,
                             const sigset_t* mask, size_t room) {
  struct timespec rest;
  const struct timespec* left = timeout;
  PINFO_WAIT(
      kind_of(count),
      PINFO_REAL(__ppoll_chk) != NULL ? pinfo_real.p___ppoll_chk(fds, count, left, mask, room)
                                      : (int)syscall(SYS_ppoll, fds, count, left, mask, 8),
      if (timeout != NULL) {
        rest = time_left(timeout, since);
        left = &rest;
      });
}

/* The kernel itself writes the time left back to timeout, and leaves the sets alone on EINTR. */
PINFO_EXPORT int select(int count, fd_set* restrict reads, fd_set* restrict writes,
                        fd_set* restrict excepts, struct timeval* restrict timeout) {
  PINFO_WAIT(PINFO_WAIT_WITHIN,
             PINFO_FORWARD(select, SYS_select, count, reads, writes, excepts, timeout),
             (void)since);
}

PINFO_EXPORT int pselect(int count, fd_set* restrict reads, fd_set* restrict writes,
                         fd_set* restrict excepts, const struct timespec* restrict timeout,
                         const sigset_t* restrict mask) {
  struct timespec rest;
  const struct timespec* left = timeout;
  if (PINFO_REAL(pselect) == NULL) {
    errno = ENOSYS;
    return -1;
  }
  PINFO_WAIT(
      PINFO_WAIT_WITHIN, pinfo_real.p_pselect(count, reads, writes, excepts, left, mask),
      if (timeout != NULL) {
        rest = time_left(timeout, since);
        left = &rest;
      });
}

/* The two may be one and the same, so what is left is the kernel's own figure, kept here. */
PINFO_EXPORT int nanosleep(const struct timespec* wanted, struct timespec* remaining) {
  struct pinfo_wait_state wait = pinfo_wait_begins(PINFO_WAIT_WITHIN);
  struct timespec rest = {0, 0};
  struct timespec again;
  int result = PINFO_FORWARD(nanosleep, SYS_nanosleep, wanted, &rest);
  while (result < 0 && errno == EINTR && pinfo_wait_to_repeat(&wait)) {
    again = rest;
    result = PINFO_FORWARD(nanosleep, SYS_nanosleep, &again, &rest);
  }
  if (result < 0 && errno == EINTR && remaining != NULL) *remaining = rest;
  pinfo_wait_ended(&wait);
  return result;
}

/* Returns the error instead of setting errno. An absolute time needs no reckoning. */
PINFO_EXPORT int clock_nanosleep(clockid_t clock, int flags, const struct timespec* wanted,
                                 struct timespec* remaining) {
  struct timespec rest = {0, 0};
  struct timespec again;
  struct pinfo_wait_state wait = pinfo_wait_begins(PINFO_WAIT_WITHIN);
  int result;
  if (PINFO_REAL(clock_nanosleep) == NULL)
    return -(int)pinfo_raw(SYS_clock_nanosleep, clock, flags, wanted, remaining);
  const int relative = !(flags & TIMER_ABSTIME);
  while ((result = pinfo_real.p_clock_nanosleep(clock, flags, wanted, &rest)) == EINTR &&
         pinfo_wait_to_repeat(&wait)) {
    if (relative) {
      again = rest;
      wanted = &again;
    }
  }
  if (result == EINTR && relative && remaining != NULL) *remaining = rest;
  pinfo_wait_ended(&wait);
  return result;
}

PINFO_EXPORT int usleep(useconds_t microseconds) {
  const struct timespec wanted = {microseconds / 1000000, (long)(microseconds % 1000000) * 1000};
  return nanosleep(&wanted, NULL);
}

PINFO_EXPORT unsigned sleep(unsigned seconds) {
  const int saved_errno = errno;
  struct timespec remaining = {0, 0};
  const struct timespec wanted = {(time_t)seconds, 0};
  if (nanosleep(&wanted, &remaining) == 0) {
    errno = saved_errno;
    return 0;
  }
  return (unsigned)remaining.tv_sec;
}

/* Locks and joins: the kernel restarts the untimed ones. Their results are error numbers. */
#define PINFO_WAIT_WITHIN_CALL(name, ...)                                                  \
  const struct pinfo_wait_state wait = pinfo_wait_begins(PINFO_WAIT_WITHIN);               \
  const int result = PINFO_REAL(name) != NULL ? pinfo_real.p_##name(__VA_ARGS__) : ENOSYS; \
  pinfo_wait_ended(&wait);                                                                 \
  return result

PINFO_EXPORT int pthread_cond_wait(pthread_cond_t* restrict condition,
                                   pthread_mutex_t* restrict mutex) {
  PINFO_WAIT_WITHIN_CALL(pthread_cond_wait, condition, mutex);
}

PINFO_EXPORT int pthread_cond_timedwait(pthread_cond_t* restrict condition,
                                        pthread_mutex_t* restrict mutex,
                                        const struct timespec* restrict until) {
  PINFO_WAIT_WITHIN_CALL(pthread_cond_timedwait, condition, mutex, until);
}

PINFO_EXPORT int pthread_cond_clockwait(pthread_cond_t* restrict condition,
                                        pthread_mutex_t* restrict mutex, clockid_t clock,
                                        const struct timespec* restrict until) {
  PINFO_WAIT_WITHIN_CALL(pthread_cond_clockwait, condition, mutex, clock, until);
}

PINFO_EXPORT int pthread_join(pthread_t thread, void** value) {
  PINFO_WAIT_WITHIN_CALL(pthread_join, thread, value);
}

PINFO_EXPORT int sem_wait(sem_t* semaphore) {
  if (PINFO_REAL(sem_wait) == NULL) {
    errno = ENOSYS;
    return -1;
  }
  if (pinfo_exact_wanted) pinfo_exact_waits();
  PINFO_WAIT(PINFO_WAIT_WITHIN, pinfo_real.p_sem_wait(semaphore), (void)since);
}

PINFO_EXPORT int sem_timedwait(sem_t* restrict semaphore, const struct timespec* restrict until) {
  if (PINFO_REAL(sem_timedwait) == NULL) {
    errno = ENOSYS;
    return -1;
  }
  if (pinfo_exact_wanted) pinfo_exact_waits();
  PINFO_WAIT(PINFO_WAIT_WITHIN, pinfo_real.p_sem_timedwait(semaphore, until), (void)since);
}

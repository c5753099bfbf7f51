/* SPDX-License-Identifier: MIT */
/*
 * Locks. A lock that is free costs a turn's thread one attempt more to take it, and every other
 * thread two loads; only a thread that will wait is timed. Trying first changes nothing: what
 * pthread_*_trylock gives besides EBUSY is what the lock call would give.
 *
 * While the real functions are being looked up on this thread (a foreign malloc may lock) a lock is
 * tried until it is had: the threads that hold it do not wait for us.
 */
#include <errno.h>
#include <sched.h>

#include "preload/capture.h"
#include "preload/real.h"

static int in_turn(void) {
  const struct pinfo_thread* thread = pinfo_thread_current;
  return thread != NULL && thread->connection != 0;
}

/* name: of the lock call; attempt: its try. */
#define PINFO_LOCK(name, attempt, ...)                                         \
  int result;                                                                  \
  if (PINFO_REAL(name) == NULL) {                                              \
    while ((result = (attempt)) == EBUSY) sched_yield();                       \
    return result;                                                             \
  }                                                                            \
  if (!in_turn()) return pinfo_real.p_##name(__VA_ARGS__);                     \
  result = (attempt);                                                          \
  if (result != EBUSY) return result;                                          \
  const struct pinfo_wait_state wait = pinfo_wait_begins(PINFO_WAIT_WITHIN);   \
  result = pinfo_real.p_##name(__VA_ARGS__);                                   \
  pinfo_wait_ended(&wait);                                                     \
  return result

PINFO_EXPORT int pthread_mutex_lock(pthread_mutex_t* mutex) {
  PINFO_LOCK(pthread_mutex_lock, pthread_mutex_trylock(mutex), mutex);
}

PINFO_EXPORT int pthread_mutex_timedlock(pthread_mutex_t* restrict mutex,
                                         const struct timespec* restrict until) {
  PINFO_LOCK(pthread_mutex_timedlock, pthread_mutex_trylock(mutex), mutex, until);
}

PINFO_EXPORT int pthread_mutex_clocklock(pthread_mutex_t* restrict mutex, clockid_t clock,
                                         const struct timespec* restrict until) {
  PINFO_LOCK(pthread_mutex_clocklock, pthread_mutex_trylock(mutex), mutex, clock, until);
}

PINFO_EXPORT int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  PINFO_LOCK(pthread_rwlock_rdlock, pthread_rwlock_tryrdlock(lock), lock);
}

PINFO_EXPORT int pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  PINFO_LOCK(pthread_rwlock_wrlock, pthread_rwlock_trywrlock(lock), lock);
}

PINFO_EXPORT int pthread_rwlock_timedrdlock(pthread_rwlock_t* restrict lock,
                                            const struct timespec* restrict until) {
  PINFO_LOCK(pthread_rwlock_timedrdlock, pthread_rwlock_tryrdlock(lock), lock, until);
}

PINFO_EXPORT int pthread_rwlock_timedwrlock(pthread_rwlock_t* restrict lock,
                                            const struct timespec* restrict until) {
  PINFO_LOCK(pthread_rwlock_timedwrlock, pthread_rwlock_trywrlock(lock), lock, until);
}

/* SPDX-License-Identifier: MIT */
/* Calls about signals: the sampler's is not there for the application. */
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

#include "preload/capture.h"
#include "preload/real.h"
#include "preload/sampler.h"

/* What the sampler's handler itself needs on a signal stack, beside the kernel's frame. */
#define PINFO_HANDLER_STACK_BYTES 2048

static int is_ours(int number) { return number != 0 && number == pinfo_sampler_signal(); }

static void claim(int number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  pinfo_sampler_avoid(&set);
}

PINFO_EXPORT int sigaction(int number, const struct sigaction* restrict action,
                           struct sigaction* restrict old) {
  if (is_ours(number) && !pinfo_is_vfork_child()) {
    if (action == NULL || (action->sa_handler == SIG_DFL && !(action->sa_flags & SA_SIGINFO))) {
      pinfo_sampler_shadow(action, old);
      return 0;
    }
    claim(number);
  }
  if (PINFO_REAL(sigaction) != NULL) return pinfo_real.p_sigaction(number, action, old);
  errno = ENOSYS;
  return -1;
}

PINFO_EXPORT sighandler_t signal(int number, sighandler_t handler) {
  if (is_ours(number) && !pinfo_is_vfork_child()) {
    if (handler == SIG_DFL) return SIG_DFL;
    claim(number);
  }
  if (PINFO_REAL(signal) != NULL) return pinfo_real.p_signal(number, handler);
  errno = ENOSYS;
  return SIG_ERR;
}

/* The older ways to set an action, which libc implements without calling the hooks above. */
static void about_to_set(int number) {
  if (is_ours(number) && !pinfo_is_vfork_child()) claim(number);
}

static sighandler_t no_such_function(void) {
  errno = ENOSYS;
  return SIG_ERR;
}

PINFO_EXPORT sighandler_t sysv_signal(int number, sighandler_t handler) {
  about_to_set(number);
  return PINFO_REAL(sysv_signal) != NULL ? pinfo_real.p_sysv_signal(number, handler)
                                         : no_such_function();
}

PINFO_EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler) {
  about_to_set(number);
  return PINFO_REAL(__sysv_signal) != NULL ? pinfo_real.p___sysv_signal(number, handler)
                                           : no_such_function();
}

PINFO_EXPORT sighandler_t ssignal(int number, sighandler_t handler) {
  about_to_set(number);
  return PINFO_REAL(ssignal) != NULL ? pinfo_real.p_ssignal(number, handler) : no_such_function();
}

PINFO_EXPORT sighandler_t sigset(int number, sighandler_t disposition) {
  about_to_set(number);
  return PINFO_REAL(sigset) != NULL ? pinfo_real.p_sigset(number, disposition) : no_such_function();
}

PINFO_EXPORT int sigignore(int number) {
  about_to_set(number);
  if (PINFO_REAL(sigignore) != NULL) return pinfo_real.p_sigignore(number);
  errno = ENOSYS;
  return -1;
}

static int wait_for_signal(const sigset_t* set, siginfo_t* info, const struct timespec* timeout) {
  if (PINFO_REAL(sigtimedwait) == NULL)
    return (int)syscall(SYS_rt_sigtimedwait, set, info, timeout, 8);
  return timeout != NULL ? pinfo_real.p_sigtimedwait(set, info, timeout)
                         : pinfo_real.p_sigwaitinfo(set, info);
}

/* Takes signals until one is not the sampler's. A thread that waits gets none of them; one at most
 * may be left from before, so that a timeout begins anew once. */
static int wait_for_others(const sigset_t* set, siginfo_t* info, const struct timespec* timeout) {
  struct pinfo_wait_state wait = pinfo_wait_begins(PINFO_WAIT_WITHIN);
  int result;
  do {
    result = wait_for_signal(set, info, timeout);
  } while ((result < 0 && errno == EINTR && pinfo_wait_to_repeat(&wait)) ||
           (result > 0 && pinfo_sampler_sent(info)));
  pinfo_wait_ended(&wait);
  return result;
}

PINFO_EXPORT int sigwait(const sigset_t* restrict set, int* restrict number) {
  siginfo_t info;
  int result;
  do {
    result = wait_for_others(set, &info, NULL);
  } while (result < 0 && errno == EINTR); /* as POSIX has it */
  if (result < 0) return errno;
  *number = result;
  return 0;
}

PINFO_EXPORT int sigwaitinfo(const sigset_t* restrict set, siginfo_t* restrict info) {
  siginfo_t here;
  const int result = wait_for_others(set, &here, NULL);
  if (result > 0 && info != NULL) *info = here;
  return result;
}

PINFO_EXPORT int sigtimedwait(const sigset_t* restrict set, siginfo_t* restrict info,
                              const struct timespec* restrict timeout) {
  siginfo_t here;
  const int result = wait_for_others(set, &here, timeout);
  if (result > 0 && info != NULL) *info = here;
  return result;
}

PINFO_EXPORT int signalfd(int fd, const sigset_t* set, int flags) {
  const int result = PINFO_REAL(signalfd) != NULL ? pinfo_real.p_signalfd(fd, set, flags)
                                                  : (int)syscall(SYS_signalfd4, fd, set, 8, flags);
  if (result >= 0 && !pinfo_is_vfork_child()) pinfo_sampler_avoid(set);
  return result;
}

#define PINFO_SUSPEND(call)                                                            \
  struct pinfo_wait_state wait = pinfo_wait_begins(PINFO_WAIT_WITHIN);                 \
  int result = (call);                                                                 \
  while (result < 0 && errno == EINTR && pinfo_wait_to_repeat(&wait)) result = (call); \
  pinfo_wait_ended(&wait);                                                             \
  return result

PINFO_EXPORT int sigsuspend(const sigset_t* set) {
  PINFO_SUSPEND(PINFO_REAL(sigsuspend) != NULL ? pinfo_real.p_sigsuspend(set)
                                               : (int)syscall(SYS_rt_sigsuspend, set, 8));
}

PINFO_EXPORT int pause(void) {
  PINFO_SUSPEND(PINFO_REAL(pause) != NULL ? pinfo_real.p_pause() : (int)syscall(SYS_pause));
}

PINFO_EXPORT int sigpending(sigset_t* set) {
  const int result = PINFO_REAL(sigpending) != NULL ? pinfo_real.p_sigpending(set)
                                                    : (int)syscall(SYS_rt_sigpending, set, 8);
  const int number = pinfo_sampler_signal();
  if (result == 0 && number != 0) sigdelset(set, number);
  return result;
}

static int too_small(const stack_t* stack) {
  return !(stack->ss_flags & SS_DISABLE) &&
         stack->ss_size < getauxval(AT_MINSIGSTKSZ) + PINFO_HANDLER_STACK_BYTES;
}

/* The kernel checks the frame that it pushes, not what the handler uses below it. */
PINFO_EXPORT int sigaltstack(const stack_t* restrict stack, stack_t* restrict old) {
  struct pinfo_thread* thread = stack != NULL ? pinfo_thread_self() : NULL;
  const int small = thread != NULL && too_small(stack);
  if (small) {
    thread->no_signal_room = 1;
    pinfo_sampler_pause_thread(thread);
  }
  const int result = PINFO_FORWARD(sigaltstack, SYS_sigaltstack, stack, old);
  if (thread != NULL && !small && result == 0 && thread->no_signal_room) {
    thread->no_signal_room = 0;
    if (pinfo_recording()) pinfo_sampler_start_thread(thread);
  }
  return result;
}

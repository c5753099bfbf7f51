/* SPDX-License-Identifier: MIT */
/*
 * The functions that the shim stands in front of. All are looked up together, by the shim's
 * constructor or by the first hook that runs before it. While the look-up itself is under way (it
 * may call malloc, and a foreign malloc may read files) hooks fall back to the raw system call.
 */
#ifndef PINFO_PRELOAD_REAL_H
#define PINFO_PRELOAD_REAL_H

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PINFO_EXPORT __attribute__((visibility("default")))

/* Declared by glibc only under _FORTIFY_SOURCE, or newer than the oldest headers. */
ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room);
ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t room, int flags,
                       struct sockaddr* address, socklen_t* length);
ssize_t __pread_chk(int fd, void* buffer, size_t size, off_t at, size_t room);
ssize_t __pread64_chk(int fd, void* buffer, size_t size, off64_t at, size_t room);
int __poll_chk(struct pollfd* fds, nfds_t count, int timeout, size_t room);
int __ppoll_chk(struct pollfd* fds, nfds_t count, const struct timespec* timeout,
                const sigset_t* mask, size_t room);
int fcntl(int fd, int command, ...);
int fcntl64(int fd, int command, ...);
ssize_t splice(int in, off64_t* in_offset, int out, off64_t* out_offset, size_t size,
               unsigned flags);
void* dlopen(const char* path, int mode);
int dlclose(void* handle);

/* The formatter would indent the list further at every run. */
/* clang-format off */
#define PINFO_REAL_FUNCTIONS(X) \
  X(read) X(__read_chk) X(readv) X(recv) X(__recv_chk) X(recvfrom) X(__recvfrom_chk) \
  X(recvmsg) X(recvmmsg) X(write) X(writev) X(send) X(sendto) X(sendmsg) X(sendmmsg) \
  X(sendfile) X(sendfile64) X(splice) X(accept) X(accept4) X(close) X(close_range) \
  X(closefrom) X(fclose) X(shutdown) X(dup) X(dup2) X(dup3) X(fcntl) X(fcntl64) X(socket) \
  X(connect) X(listen) X(epoll_wait) X(epoll_pwait) X(epoll_pwait2) X(poll) X(__poll_chk) \
  X(ppoll) X(__ppoll_chk) X(select) X(pselect) X(nanosleep) X(clock_nanosleep) X(usleep) \
  X(sleep) X(pthread_create) X(pthread_cond_wait) X(pthread_cond_timedwait) \
  X(pthread_cond_clockwait) X(pthread_join) X(sem_wait) X(sem_timedwait) X(sigaction) \
  X(signal) X(sysv_signal) X(__sysv_signal) X(ssignal) X(sigset) X(sigignore) \
  X(sigaltstack) X(sigsuspend) X(sigpending) X(pause) X(prctl) X(sigwait) X(sigwaitinfo) \
  X(sigtimedwait) X(signalfd) X(dlopen) X(dlclose) \
  X(pthread_mutex_lock) X(pthread_mutex_timedlock) X(pthread_mutex_clocklock) \
  X(pthread_rwlock_rdlock) X(pthread_rwlock_wrlock) X(pthread_rwlock_timedrdlock) \
  X(pthread_rwlock_timedwrlock) X(sem_clockwait) X(pthread_barrier_wait) X(pread) X(pread64) \
  X(__pread_chk) X(__pread64_chk) X(pwrite) X(pwrite64) X(fsync) X(fdatasync) X(msync) X(flock) \
  X(waitpid) X(wait4) X(waitid) X(getaddrinfo)
/* clang-format on */

/* sigset and sigignore are deprecated, and still called. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
struct pinfo_real_functions {
#define PINFO_REAL_MEMBER(name) __typeof__(&name) p_##name;
  PINFO_REAL_FUNCTIONS(PINFO_REAL_MEMBER)
#undef PINFO_REAL_MEMBER
};
#pragma GCC diagnostic pop

extern struct pinfo_real_functions pinfo_real;
extern int pinfo_real_done; /* acquire */
void pinfo_real_resolve(void);

/* The real function, or NULL while the look-up is under way on this thread. */
#define PINFO_REAL(name)                                                    \
  (__builtin_expect(__atomic_load_n(&pinfo_real_done, __ATOMIC_ACQUIRE), 1) \
       ? (void)0                                                            \
       : pinfo_real_resolve(),                                              \
   pinfo_real.p_##name)

/* Calls the real function, or makes the system call of the given number in its place. */
#define PINFO_FORWARD(name, number, ...)  \
  (PINFO_REAL(name) != NULL               \
       ? pinfo_real.p_##name(__VA_ARGS__) \
       : (__typeof__(pinfo_real.p_##name(__VA_ARGS__)))syscall(number, __VA_ARGS__))

#endif /* PINFO_PRELOAD_REAL_H */

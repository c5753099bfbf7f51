/* SPDX-License-Identifier: MIT */
/* Calls that wait for disks, locks on files, children and name servers. The kernel restarts them
 * after our signal (SA_RESTART); errno is theirs. */
#include <errno.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "preload/capture.h"
#include "preload/real.h"

/* call: with a fallback for the time before the real functions are known. */
#define PINFO_OTHER_IO(type, call)                   \
  const pinfo_u64 since = pinfo_other_io_begins();   \
  const type result = (call);                        \
  pinfo_other_io_ended(since);                       \
  return result

PINFO_EXPORT ssize_t pread(int fd, void* buffer, size_t size, off_t at) {
  PINFO_OTHER_IO(ssize_t, PINFO_FORWARD(pread, SYS_pread64, fd, buffer, size, at));
}

PINFO_EXPORT ssize_t pread64(int fd, void* buffer, size_t size, off64_t at) {
  PINFO_OTHER_IO(ssize_t, PINFO_FORWARD(pread64, SYS_pread64, fd, buffer, size, at));
}

PINFO_EXPORT ssize_t __pread_chk(int fd, void* buffer, size_t size, off_t at, size_t room) {
  PINFO_OTHER_IO(ssize_t, PINFO_FORWARD(__pread_chk, SYS_pread64, fd, buffer, size, at, room));
}

PINFO_EXPORT ssize_t __pread64_chk(int fd, void* buffer, size_t size, off64_t at, size_t room) {
  PINFO_OTHER_IO(ssize_t, PINFO_FORWARD(__pread64_chk, SYS_pread64, fd, buffer, size, at, room));
}

PINFO_EXPORT ssize_t pwrite(int fd, const void* buffer, size_t size, off_t at) {
  PINFO_OTHER_IO(ssize_t, PINFO_FORWARD(pwrite, SYS_pwrite64, fd, buffer, size, at));
}

PINFO_EXPORT ssize_t pwrite64(int fd, const void* buffer, size_t size, off64_t at) {
  PINFO_OTHER_IO(ssize_t, PINFO_FORWARD(pwrite64, SYS_pwrite64, fd, buffer, size, at));
}

PINFO_EXPORT int fsync(int fd) {
  PINFO_OTHER_IO(int, PINFO_FORWARD(fsync, SYS_fsync, fd));
}

PINFO_EXPORT int fdatasync(int fd) {
  PINFO_OTHER_IO(int, PINFO_FORWARD(fdatasync, SYS_fdatasync, fd));
}

PINFO_EXPORT int msync(void* address, size_t size, int flags) {
  PINFO_OTHER_IO(int, PINFO_FORWARD(msync, SYS_msync, address, size, flags));
}

PINFO_EXPORT int flock(int fd, int operation) {
  PINFO_OTHER_IO(int, PINFO_FORWARD(flock, SYS_flock, fd, operation));
}

PINFO_EXPORT pid_t waitpid(pid_t pid, int* status, int options) {
  PINFO_OTHER_IO(pid_t, PINFO_REAL(waitpid) != NULL
                            ? pinfo_real.p_waitpid(pid, status, options)
                            : (pid_t)syscall(SYS_wait4, pid, status, options, NULL));
}

PINFO_EXPORT pid_t wait4(pid_t pid, int* status, int options, struct rusage* usage) {
  PINFO_OTHER_IO(pid_t, PINFO_FORWARD(wait4, SYS_wait4, pid, status, options, usage));
}

PINFO_EXPORT int waitid(idtype_t kind, id_t id, siginfo_t* info, int options) {
  PINFO_OTHER_IO(int, PINFO_REAL(waitid) != NULL
                          ? pinfo_real.p_waitid(kind, id, info, options)
                          : (int)syscall(SYS_waitid, kind, id, info, options, NULL));
}

/* Asks files and servers in glibc's own way, past our hooks. */
PINFO_EXPORT int getaddrinfo(const char* restrict node, const char* restrict service,
                             const struct addrinfo* restrict hints,
                             struct addrinfo** restrict answer) {
  PINFO_OTHER_IO(int, PINFO_REAL(getaddrinfo) != NULL
                          ? pinfo_real.p_getaddrinfo(node, service, hints, answer)
                          : EAI_AGAIN);
}

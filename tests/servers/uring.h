/* One transfer on a socket by io_uring (io_uring_setup(2), io_uring_enter(2)), without liburing. */
#ifndef PINFO_TESTS_SERVERS_URING_H
#define PINFO_TESTS_SERVERS_URING_H

#include <stddef.h>
#include <sys/types.h>

/* As recv and send without flags; the calling thread has a ring of its own. errno is ENOSYS or
 * EPERM where the kernel has no io_uring to give. */
ssize_t uring_receive(int fd, void* buffer, size_t room);
ssize_t uring_send(int fd, const void* buffer, size_t size);

#endif /* PINFO_TESTS_SERVERS_URING_H */

/* SPDX-License-Identifier: MIT */
/*
 * libssl's functions that read and write, of OpenSSL 1.1 and 3. Each forwards first and looks at
 * the outcome afterwards; errno and OpenSSL's error queue are as the function left them. Only two
 * functions of libssl are called besides, which look and change nothing: SSL_get_rfd and
 * SSL_is_server.
 *
 * Not seen: a libssl that is part of the executable (node), that was loaded by dlopen and asked for
 * its functions by dlsym, or whose symbols have no versions.
 */
#include <errno.h>

#include "preload/capture.h"
#include "preload/openssl.h"
#include "preload/real.h"
#include "preload/tls.h"

struct call {
  struct pinfo_openssl libssl;
  struct pinfo_thread* thread; /* NULL: not known */
  const void* outer_object;
  char* outer_frame;
  struct pinfo_send send; /* of one that sends; connection NULL: none before the call */
};

/* Calls nest: SSL_read_early_data may call SSL_read_ex by way of the hook. The innermost counts. */
static void begin(struct call* call, const void* ssl, char* frame) {
  call->thread = pinfo_process.ready ? pinfo_thread_self() : NULL;
  if (call->thread == NULL) return;
  call->outer_object = call->thread->tls_object;
  call->outer_frame = call->thread->tls_frame;
  call->thread->tls_object = ssl;
  call->thread->tls_frame = frame;
  call->thread->tls_fd = -1;
}

/* Whether n bytes that the call moved are yet to be recorded. *fd: the socket read within it. */
static int end(const struct call* call, const void* ssl, size_t n, int* fd) {
  struct pinfo_thread* thread = call->thread;
  if (thread == NULL) return 0;
  const int ours = n > 0 && thread->tls_object == ssl;
  *fd = thread->tls_fd;
  thread->tls_object = n > 0 && call->outer_object == ssl ? PINFO_TLS_SETTLED : call->outer_object;
  thread->tls_frame = call->outer_frame;
  return ours;
}

/* The server's connection that is the descriptor; NULL for others, also for one to another server,
 * whose records are counted as they pass its socket (outgoing.h). */
static struct pinfo_connection* served_connection_of(int fd) {
  struct pinfo_connection* connection = pinfo_connection_of(fd);
  return connection != NULL && !connection->outgoing ? connection : NULL;
}

/* The server's connection at the other end of the object; NULL for a client's. */
static struct pinfo_connection* connection_of(const struct call* call, const void* ssl, int* fd) {
  if (call->libssl.get_rfd == NULL || call->libssl.is_server == NULL) return NULL;
  const int own = call->libssl.get_rfd(ssl);
  if (own < 0) {
    if (!call->libssl.is_server(ssl) || !pinfo_serves()) return NULL;
    return pinfo_tls_object(ssl, 1);
  }
  *fd = own;
  struct pinfo_connection* connection = served_connection_of(own);
  if (connection != NULL) connection->tls = PINFO_TLS_OBJECT;
  return connection;
}

static void received(const struct call* call, const void* ssl, void* buffer, size_t n) {
  int fd;
  if (!end(call, ssl, n, &fd)) return;
  const int saved_errno = errno;
  const struct iovec data = {buffer, n};
  struct pinfo_connection* connection = connection_of(call, ssl, &fd);
  if (connection != NULL) pinfo_plaintext_received(connection, fd, &data, 1, n);
  errno = saved_errno;
}

/* Before a call that may send on the object's socket. What is written to memory has not left when
 * the call returns. */
static void about_to_send(struct call* call, const void* ssl) {
  const struct pinfo_openssl* libssl = &call->libssl;
  call->send.connection = NULL;
  if (call->thread == NULL || libssl->get_rfd == NULL || libssl->is_server == NULL) return;
  const int own = libssl->get_rfd(ssl);
  call->send.connection = own >= 0 ? served_connection_of(own) : NULL;
  if (call->send.connection != NULL) pinfo_send_begins(&call->send, call->send.connection);
}

static void sent(struct call* call, const void* ssl, const void* buffer, size_t n) {
  int fd;
  if (!end(call, ssl, n, &fd)) {
    if (call->send.connection != NULL) pinfo_send_failed(&call->send);
    return;
  }
  const int saved_errno = errno;
  const struct iovec data = {(void*)buffer, n};
  struct pinfo_connection* connection = connection_of(call, ssl, &fd);
  if (connection != NULL) {
    if (call->send.connection != connection) pinfo_send_begins(&call->send, connection);
    pinfo_plaintext_sent(&call->send, buffer != NULL ? &data : NULL, buffer != NULL, n);
  }
  errno = saved_errno;
}

/* Without the real function there is nothing to call: the linker would not have bound the caller.
 */
#define PINFO_BEGIN(version, function, failure)                         \
  struct call call;                                                     \
  pinfo_openssl_of(&call.libssl, version, __builtin_return_address(0)); \
  if (call.libssl.function == NULL) return failure;                     \
  begin(&call, ssl, __builtin_frame_address(0))

#define PINFO_SSL_COMMON(number, version)                                                   \
  PINFO_EXPORT int pinfo_SSL_read_##number(void* ssl, void* buffer, int size) {             \
    PINFO_BEGIN(version, read, -1);                                                         \
    const int result = call.libssl.read(ssl, buffer, size);                                 \
    received(&call, ssl, buffer, result > 0 ? (size_t)result : 0);                          \
    return result;                                                                          \
  }                                                                                         \
  PINFO_EXPORT int pinfo_SSL_read_ex_##number(void* ssl, void* buffer, size_t size,         \
                                              size_t* done) {                               \
    PINFO_BEGIN(version, read_ex, 0);                                                       \
    const int result = call.libssl.read_ex(ssl, buffer, size, done);                        \
    received(&call, ssl, buffer, result == 1 ? *done : 0);                                  \
    return result;                                                                          \
  }                                                                                         \
  PINFO_EXPORT int pinfo_SSL_read_early_data_##number(void* ssl, void* buffer, size_t size, \
                                                      size_t* done) {                       \
    PINFO_BEGIN(version, read_early_data, 0);                                               \
    const int result = call.libssl.read_early_data(ssl, buffer, size, done);                \
    received(&call, ssl, buffer, result == 1 ? *done : 0);                                  \
    return result;                                                                          \
  }                                                                                         \
  PINFO_EXPORT int pinfo_SSL_write_##number(void* ssl, const void* buffer, int size) {      \
    PINFO_BEGIN(version, write, -1);                                                        \
    about_to_send(&call, ssl);                                                              \
    const int result = call.libssl.write(ssl, buffer, size);                                \
    sent(&call, ssl, buffer, result > 0 ? (size_t)result : 0);                              \
    return result;                                                                          \
  }                                                                                         \
  PINFO_EXPORT int pinfo_SSL_write_ex_##number(void* ssl, const void* buffer, size_t size,  \
                                               size_t* done) {                              \
    PINFO_BEGIN(version, write_ex, 0);                                                      \
    about_to_send(&call, ssl);                                                              \
    const int result = call.libssl.write_ex(ssl, buffer, size, done);                       \
    sent(&call, ssl, buffer, result == 1 ? *done : 0);                                      \
    return result;                                                                          \
  }                                                                                         \
  PINFO_EXPORT void* pinfo_SSL_new_##number(void* context) {                                \
    struct pinfo_openssl libssl;                                                            \
    pinfo_openssl_of(&libssl, version, __builtin_return_address(0));                        \
    __atomic_store_n(&pinfo_tls_used, 1, __ATOMIC_RELAXED);                                 \
    return libssl.new_object != NULL ? libssl.new_object(context) : NULL;                   \
  }                                                                                         \
  PINFO_EXPORT void pinfo_SSL_free_##number(void* ssl) {                                    \
    struct pinfo_openssl libssl;                                                            \
    pinfo_openssl_of(&libssl, version, __builtin_return_address(0));                        \
    const int saved_errno = errno;                                                          \
    pinfo_tls_object_ends(ssl); /* before: its memory may be another's at once */           \
    errno = saved_errno;                                                                    \
    if (libssl.free_object != NULL) libssl.free_object(ssl);                                \
  }

PINFO_SSL_COMMON(1, PINFO_OPENSSL_1_1)
PINFO_SSL_COMMON(3, PINFO_OPENSSL_3)

PINFO_EXPORT int pinfo_SSL_write_ex2_3(void* ssl, const void* buffer, size_t size,
                                       unsigned long flags, size_t* done) {
  PINFO_BEGIN(PINFO_OPENSSL_3, write_ex2, 0);
  about_to_send(&call, ssl);
  const int result = call.libssl.write_ex2(ssl, buffer, size, flags, done);
  sent(&call, ssl, buffer, result == 1 ? *done : 0);
  return result;
}

PINFO_EXPORT ssize_t pinfo_SSL_sendfile_3(void* ssl, int fd, off_t offset, size_t size, int flags) {
  PINFO_BEGIN(PINFO_OPENSSL_3, sendfile, -1);
  about_to_send(&call, ssl);
  const ssize_t result = call.libssl.sendfile(ssl, fd, offset, size, flags);
  sent(&call, ssl, NULL, result > 0 ? (size_t)result : 0);
  return result;
}

/* Under the versions only, none of them the default: binutils' as, Pseudo Ops, .symver. */
#define PINFO_VERSION(hook, name, version) \
  __asm__(".symver " #hook ", " #name "@" version ", remove")
PINFO_VERSION(pinfo_SSL_read_1, SSL_read, "OPENSSL_1_1_0");
PINFO_VERSION(pinfo_SSL_read_ex_1, SSL_read_ex, "OPENSSL_1_1_1");
PINFO_VERSION(pinfo_SSL_read_early_data_1, SSL_read_early_data, "OPENSSL_1_1_1");
PINFO_VERSION(pinfo_SSL_write_1, SSL_write, "OPENSSL_1_1_0");
PINFO_VERSION(pinfo_SSL_write_ex_1, SSL_write_ex, "OPENSSL_1_1_1");
PINFO_VERSION(pinfo_SSL_new_1, SSL_new, "OPENSSL_1_1_0");
PINFO_VERSION(pinfo_SSL_free_1, SSL_free, "OPENSSL_1_1_0");
PINFO_VERSION(pinfo_SSL_read_3, SSL_read, "OPENSSL_3.0.0");
PINFO_VERSION(pinfo_SSL_read_ex_3, SSL_read_ex, "OPENSSL_3.0.0");
PINFO_VERSION(pinfo_SSL_read_early_data_3, SSL_read_early_data, "OPENSSL_3.0.0");
PINFO_VERSION(pinfo_SSL_write_3, SSL_write, "OPENSSL_3.0.0");
PINFO_VERSION(pinfo_SSL_write_ex_3, SSL_write_ex, "OPENSSL_3.0.0");
PINFO_VERSION(pinfo_SSL_write_ex2_3, SSL_write_ex2, "OPENSSL_3.3.0");
PINFO_VERSION(pinfo_SSL_sendfile_3, SSL_sendfile, "OPENSSL_3.0.0");
PINFO_VERSION(pinfo_SSL_new_3, SSL_new, "OPENSSL_3.0.0");
PINFO_VERSION(pinfo_SSL_free_3, SSL_free, "OPENSSL_3.0.0");

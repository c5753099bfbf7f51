/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The functions of OpenSSL's libssl (1.1.0 to 3.x) that are probed, as the loader tells them to the
 * BPF programs: the low byte of a probe's cookie. Above it are the bytes by which the stack pointer
 * at the probe is below what it was at the function's entry. Their signatures: SSL_read(3),
 * SSL_write(3), SSL_read_early_data(3), SSL_set_connect_state(3), SSL_accept(3), SSL_free(3). No
 * includes.
 */
#ifndef PINFO_BPF_TLS_FUNCTION_H
#define PINFO_BPF_TLS_FUNCTION_H

#define PINFO_TLS_COOKIE_FUNCTION 255
#define PINFO_TLS_COOKIE_STACK_SHIFT 8

enum pinfo_tls_function {
  PINFO_TLS_READ = 1,       /* int (ssl, buffer, int n): bytes read, or <= 0 */
  PINFO_TLS_READ_EX = 2,    /* int (ssl, buffer, size_t n, size_t *done): 1, or 0 */
  PINFO_TLS_READ_EARLY = 3, /* the same, but 0 failure, 1 success, 2 no more early data */
  PINFO_TLS_WRITE = 4,      /* int (ssl, buffer, int n) */
  PINFO_TLS_WRITE_EX = 5,   /* int (ssl, buffer, size_t n, size_t *done) */
  PINFO_TLS_WRITE_EX2 = 6,  /* int (ssl, buffer, size_t n, uint64_t flags, size_t *done) */
  PINFO_TLS_SENDFILE = 7,   /* ssize_t (ssl, int fd, off_t, size_t n, int flags) */
  PINFO_TLS_ACCEPT = 8,     /* the object is a server's from here on */
  PINFO_TLS_CONNECT = 9,    /* a client's */
  PINFO_TLS_FREE = 10,
};

#endif /* PINFO_BPF_TLS_FUNCTION_H */

/* An HTTPS server on any libssl from 1.1.1 on: its functions are declared here, so that it can be
 * linked to a library without headers. A thread a connection; every second connection is served by
 * the _ex forms of SSL_read and SSL_write.
 *
 *   tls_server PORT CERTIFICATE KEY LOG
 *
 * Answers /missing with 404, everything else with 200. LOG gets METHOD TARGET STATUS a request. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_method_st SSL_METHOD;
const SSL_METHOD* TLS_server_method(void);
SSL_CTX* SSL_CTX_new(const SSL_METHOD* method);
int SSL_CTX_use_certificate_chain_file(SSL_CTX* context, const char* file);
int SSL_CTX_use_PrivateKey_file(SSL_CTX* context, const char* file, int type);
SSL* SSL_new(SSL_CTX* context);
int SSL_set_fd(SSL* ssl, int fd);
int SSL_accept(SSL* ssl);
int SSL_read(SSL* ssl, void* buffer, int size);
int SSL_write(SSL* ssl, const void* buffer, int size);
int SSL_read_ex(SSL* ssl, void* buffer, size_t size, size_t* done);
int SSL_write_ex(SSL* ssl, const void* buffer, size_t size, size_t* done);
void SSL_free(SSL* ssl);

enum { kPem = 1, kRoom = 16384 }; /* SSL_FILETYPE_PEM */

static SSL_CTX* context;
static FILE* log_file;

struct work {
  int fd;
  int extended; /* by the _ex forms */
};

static int receive(const struct work* work, SSL* ssl, char* buffer, size_t size) {
  size_t done = 0;
  if (!work->extended) return SSL_read(ssl, buffer, (int)size);
  return SSL_read_ex(ssl, buffer, size, &done) == 1 ? (int)done : -1;
}

static int answer(const struct work* work, SSL* ssl, const char* bytes, size_t size) {
  size_t done = 0;
  if (!work->extended) return SSL_write(ssl, bytes, (int)size) == (int)size;
  return SSL_write_ex(ssl, bytes, size, &done) == 1 && done == size;
}

/* Reads until the head and the body that it announces are there; 0 where the client has gone. */
static int read_request(const struct work* work, SSL* ssl, char* buffer) {
  size_t used = 0;
  for (;;) {
    const int n = receive(work, ssl, buffer + used, kRoom - 1 - used);
    if (n <= 0) return 0;
    used += (size_t)n;
    buffer[used] = 0;
    const char* end = strstr(buffer, "\r\n\r\n");
    if (end == NULL) continue;
    const char* length = strcasestr(buffer, "\r\nContent-Length:");
    const size_t body = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
    if (used >= (size_t)(end + 4 - buffer) + body) return 1;
  }
}

static void serve(const struct work* work, SSL* ssl) {
  char request[kRoom];
  char response[256];
  while (read_request(work, ssl, request)) {
    const int close_it = strcasestr(request, "\r\nConnection: close") != NULL;
    char* target = strchr(request, ' ') + 1;
    target[-1] = 0;
    *strchr(target, ' ') = 0;
    const int status = strncmp(target, "/missing", 8) == 0 ? 404 : 200;
    const int length = snprintf(
        response, sizeof(response), "HTTP/1.1 %d -\r\nContent-Length: 2\r\n%s\r\n%s", status,
        close_it ? "Connection: close\r\n" : "", strcmp(request, "HEAD") == 0 ? "" : "xx");
    if (!answer(work, ssl, response, (size_t)length)) return;
    fprintf(log_file, "%s %s %d\n", request, target, status);
    fflush(log_file);
    if (close_it) return;
  }
}

static void* serve_connection(void* value) {
  struct work* work = value;
  SSL* ssl = SSL_new(context);
  SSL_set_fd(ssl, work->fd);
  if (SSL_accept(ssl) == 1) serve(work, ssl);
  SSL_free(ssl);
  close(work->fd);
  free(work);
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  signal(SIGPIPE, SIG_IGN);
  context = SSL_CTX_new(TLS_server_method());
  log_file = fopen(argv[4], "a");
  const int listening = socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((unsigned short)atoi(argv[1])),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (log_file == NULL || SSL_CTX_use_certificate_chain_file(context, argv[2]) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, argv[3], kPem) != 1 ||
      bind(listening, (const struct sockaddr*)&address, sizeof(address)) != 0 ||
      listen(listening, 64) != 0) {
    fprintf(stderr, "tls_server: cannot serve on port %s\n", argv[1]);
    return 1;
  }
  for (int count = 0;; ++count) {
    struct work* work = malloc(sizeof(*work));
    pthread_t thread;
    *work = (struct work){accept(listening, NULL, NULL), count % 2};
    if (work->fd < 0 || pthread_create(&thread, NULL, serve_connection, work) != 0) return 1;
    pthread_detach(thread);
  }
}

/* SPDX-License-Identifier: MIT */
#include "preload/listeners.h"

#include <fcntl.h>
#include <string.h>

#include "preload/process.h"

#define PINFO_PORTS 65536u
#define PINFO_LISTENERS_AGE_NS 1000000000u

static unsigned long ports[PINFO_PORTS / 64];
static pinfo_u64 machine_read_ns;

void pinfo_listeners_add(unsigned port) {
  if (port != 0 && port < PINFO_PORTS)
    __atomic_fetch_or(&ports[port / 64], 1ul << (port % 64), __ATOMIC_RELAXED);
}

static int known(unsigned port) {
  return port < PINFO_PORTS &&
         (__atomic_load_n(&ports[port / 64], __ATOMIC_RELAXED) >> (port % 64) & 1);
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One line of /proc/net/tcp{,6}: "  0: 0100007F:1F90 00000000:0000 0A ...". Returns whether it is a
 * listening socket (state 0A); those come first in the file. */
static int read_line(const char* line) {
  const char* address = strchr(line, ':');
  const char* port_text = address != NULL ? strchr(address + 1, ':') : NULL;
  if (port_text == NULL) return 0;
  unsigned port = 0;
  const char* at = port_text + 1;
  for (; hex_digit(*at) >= 0; ++at) port = port * 16 + (unsigned)hex_digit(*at);
  const char* state = *at == ' ' ? strchr(at + 1, ' ') : NULL;
  if (state == NULL || state[1] != '0' || state[2] != 'A') return 0;
  pinfo_listeners_add(port);
  return 1;
}

static void read_machine(const char* path) {
  const int fd = (int)pinfo_raw(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  char text[2048];
  long used = 0;
  int line_number = 0;
  int more = 1;
  while (more) {
    const long n = pinfo_raw(SYS_read, fd, text + used, sizeof(text) - 1 - used);
    if (n <= 0) break;
    used += n;
    text[used] = 0;
    char* line = text;
    for (char* end = strchr(line, '\n'); more && end != NULL; end = strchr(line, '\n')) {
      *end = 0;
      if (line_number++ > 0) /* the first is the heading */
        more = read_line(line);
      line = end + 1;
    }
    used -= line - text;
    memmove(text, line, (size_t)used);
    if (used == (long)sizeof(text) - 1) break;
  }
  pinfo_raw(SYS_close, fd);
}

int pinfo_listeners_have(unsigned port) {
  if (known(port)) return 1;
  const pinfo_u64 now = pinfo_now();
  pinfo_u64 last = __atomic_load_n(&machine_read_ns, __ATOMIC_RELAXED);
  if ((last != 0 && now - last < PINFO_LISTENERS_AGE_NS) ||
      !__atomic_compare_exchange_n(&machine_read_ns, &last, now, 0, __ATOMIC_RELAXED,
                                   __ATOMIC_RELAXED))
    return 0;
  read_machine("/proc/net/tcp");
  read_machine("/proc/net/tcp6");
  return known(port);
}

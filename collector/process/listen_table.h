// The sockets that listen in one network namespace: TCP by sock_diag(7) where it is pinfo's own
// (the kernel then walks its listeners only), else from /proc/PID/net/tcp, whose reading walks the
// whole table of connections: some 10 ms on a machine with much memory. Unix sockets from
// /proc/PID/net/unix.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "collector/base/ids.h"

namespace pinfo {

struct ListeningSocket {
  std::string
      address;        // "127.0.0.1:8000", "[::]:80", "unix:/run/app.sock" (an abstract one with @)
  uint16_t port = 0;  // of TCP
  uint64_t inode = 0;
};

// Inode of the process's network namespace; 0 where it may not be looked at.
uint64_t NetworkNamespaceOf(Pid pid);

// TCP sockets that listen in the network namespace of the process, sorted by inode.
std::vector<ListeningSocket> TcpListeners(Pid pid);
// Stream sockets of the unix domain that do.
std::vector<ListeningSocket> UnixListeners(Pid pid);

}  // namespace pinfo

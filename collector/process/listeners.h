// Who listens where: sockets that a process holds (/proc/PID/fd) against those that listen in its
// network namespace (/proc/PID/net). Every function tolerates a process that ends meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "collector/base/ids.h"

namespace pinfo {

// TCP ports on which the process listens, from its descriptors and its network namespace. Where its
// descriptors may not be looked at, all ports on which anybody listens there: a connection's local
// port is one of them only at the end that accepted it.
std::vector<uint16_t> ListenPorts(Pid pid);
// Where it listens: "127.0.0.1:8000", "[::]:80", "unix:/run/app.sock" (an abstract one with @),
// sorted, each once. Empty where its descriptors may not be looked at.
std::vector<std::string> ListenAddresses(Pid pid);

struct FoundListeners {
  std::vector<Pid> listening;
  // Somebody in their network namespace listens, and their descriptors may not be looked at.
  std::vector<Pid> unreadable;
};
// Which of the processes hold a socket that listens on a TCP port of which wanted(port) is true,
// each in its own network namespace.
FoundListeners FindListeners(std::span<const Pid> among,
                             const std::function<bool(uint16_t port)>& wanted);

}  // namespace pinfo

// Who listens where: sockets that processes hold (/proc/PID/fd) against those that listen in their
// network namespaces (listen_table.h). Every function tolerates a process that ends meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "collector/base/ids.h"
#include "collector/process/listen_table.h"

namespace pinfo {

// TCP ports on which any of the processes listens now. For one whose descriptors may not be looked
// at, all ports on which anybody listens in its network namespace: a connection's local port is one
// of them only at the end that accepted it.
std::vector<uint16_t> ListenPorts(std::span<const Pid> pids);

struct FoundListeners {
  std::vector<Pid> listening;
  // Somebody in their network namespace listens, and their descriptors may not be looked at.
  std::vector<Pid> unreadable;
};
// Which of the processes hold a socket that listens on a TCP port of which wanted(port) is true,
// each in its own network namespace.
FoundListeners FindListeners(std::span<const Pid> among,
                             const std::function<bool(uint16_t port)>& wanted);

// For who asks again and again, about many processes: what listens in a namespace is read once and
// used for a while, so that reading costs a hundredth of the time at most. One thread.
class ListenAddresses {
 public:
  struct Answer {
    std::vector<std::string> addresses;  // as ListeningSocket::address; sorted, each once
    // The process holds sockets, none of which is known to listen: ask again soon.
    bool may_be_early = false;
  };
  // Empty where the process's descriptors may not be looked at.
  Answer Of(Pid pid, int64_t now_ns);  // CLOCK_MONOTONIC

 private:
  struct Space {
    std::vector<ListeningSocket> sockets;
    int64_t good_until_ns = INT64_MIN;
  };
  std::map<uint64_t, Space> spaces_;  // by network namespace
};

}  // namespace pinfo

#include "collector/process/listeners.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <map>
#include <optional>
#include <sstream>

#include <arpa/inet.h>
#include <sys/stat.h>

#include "collector/base/read_all.h"
#include "collector/process/proc_files.h"

namespace pinfo {
namespace {

// Inodes of the sockets that the process holds, sorted; nullopt where its descriptors may not be
// looked at.
std::optional<std::vector<uint64_t>> SocketInodes(Pid pid) {
  const std::string fds = ProcPath(pid, "fd");
  if (access(fds.c_str(), R_OK) != 0) {
    return std::nullopt;
  }
  std::vector<uint64_t> inodes;
  bool denied = false;
  ForEachEntry(fds, [&](std::string_view name) {
    errno = 0;
    const std::string target = ReadLink(fds + "/" + std::string(name));
    denied |= target.empty() && (errno == EACCES || errno == EPERM);
    if (target.starts_with("socket:[")) {
      inodes.push_back(strtoull(target.c_str() + 8, nullptr, 10));
    }
  });
  if (denied) {
    return std::nullopt;
  }
  std::sort(inodes.begin(), inodes.end());
  return inodes;
}

// Calls visit(address in hexadecimal, port, inode) for each socket of /proc/PID/net/tcp or tcp6
// that listens. The format: Documentation/networking/proc_net_tcp.rst, which also says that these
// come first: of a hundred thousand connections behind them nothing is read.
template <typename Visit>
void ForEachTcpListener(Pid pid, const char* table, Visit visit) {
  bool heading = true;
  ForFirstLines(ProcPath(pid, table), [&](const std::string& line) {
    char address[33] = {};
    unsigned port = 0;
    unsigned state = 0;
    uint64_t inode = 0;
    constexpr unsigned kListen = 0x0A;
    if (heading) {
      heading = false;
      return true;
    }
    if (sscanf(line.c_str(), " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*d %*d %lu",
               address, &port, &state, &inode) != 4 ||
        state != kListen) {
      return false;
    }
    visit(std::string_view(address), port, inode);
    return true;
  });
}

// Of hexadecimal words, each in the machine's byte order; a text in brackets for IPv6.
std::string AddressText(std::string_view hexadecimal) {
  uint32_t words[4] = {};
  const size_t count = std::min<size_t>(hexadecimal.size() / 8, std::size(words));
  for (size_t i = 0; i < count; ++i) {
    const std::string_view word = hexadecimal.substr(8 * i, 8);
    std::from_chars(word.data(), word.data() + word.size(), words[i], 16);
  }
  char text[INET6_ADDRSTRLEN] = {};
  if (inet_ntop(count == 1 ? AF_INET : AF_INET6, words, text, sizeof(text)) == nullptr) {
    return "?";
  }
  return count == 1 ? std::string(text) : "[" + std::string(text) + "]";
}

}  // namespace

std::vector<uint16_t> ListenPorts(Pid pid) {
  const std::optional<std::vector<uint64_t>> inodes = SocketInodes(pid);
  std::vector<uint16_t> ports;
  for (const char* table : {"net/tcp", "net/tcp6"}) {
    ForEachTcpListener(pid, table, [&](std::string_view, unsigned port, uint64_t inode) {
      if (!inodes || std::binary_search(inodes->begin(), inodes->end(), inode)) {
        ports.push_back(static_cast<uint16_t>(port));
      }
    });
  }
  return ports;
}

std::vector<std::string> ListenAddresses(Pid pid) {
  const std::optional<std::vector<uint64_t>> inodes = SocketInodes(pid);
  std::vector<std::string> addresses;
  if (!inodes || inodes->empty()) {
    return addresses;
  }
  const auto held = [&](uint64_t inode) {
    return std::binary_search(inodes->begin(), inodes->end(), inode);
  };
  for (const char* table : {"net/tcp", "net/tcp6"}) {
    ForEachTcpListener(pid, table, [&](std::string_view address, unsigned port, uint64_t inode) {
      if (held(inode)) {
        addresses.push_back(AddressText(address) + ":" + std::to_string(port));
      }
    });
  }
  std::istringstream in(ReadAll(ProcPath(pid, "net/unix")));
  std::string line;
  std::getline(in, line);  // the heading
  while (std::getline(in, line)) {
    unsigned flags = 0;
    unsigned type = 0;
    uint64_t inode = 0;
    int path_at = 0;
    // Num RefCount Protocol Flags Type St Inode Path; __SO_ACCEPTCON is what listen(2) sets.
    constexpr unsigned kAcceptsConnections = 0x10000;
    if (sscanf(line.c_str(), "%*x: %*x %*x %x %x %*x %lu %n", &flags, &type, &inode, &path_at) ==
            3 &&
        (flags & kAcceptsConnections) != 0 && path_at > 0 && held(inode)) {
      addresses.push_back("unix:" + line.substr(static_cast<size_t>(path_at)));
    }
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

FoundListeners FindListeners(std::span<const Pid> among,
                             const std::function<bool(uint16_t port)>& wanted) {
  // The table of a network namespace is the same for all its processes: read once, and only for a
  // process that may have a listener.
  std::map<uint64_t, std::vector<uint64_t>> listeners;  // by namespace: inodes of wanted sockets
  FoundListeners found;
  for (const Pid pid : among) {
    const std::optional<std::vector<uint64_t>> inodes = SocketInodes(pid);
    struct stat space {};
    if ((inodes && inodes->empty()) || stat(ProcPath(pid, "ns/net").c_str(), &space) != 0) {
      continue;
    }
    const auto [of_space, is_new] = listeners.try_emplace(space.st_ino);
    if (is_new) {
      for (const char* table : {"net/tcp", "net/tcp6"}) {
        ForEachTcpListener(pid, table, [&](std::string_view, unsigned port, uint64_t inode) {
          if (wanted(static_cast<uint16_t>(port))) {
            of_space->second.push_back(inode);
          }
        });
      }
    }
    if (of_space->second.empty()) {
      continue;
    }
    const auto is_its_own = [&inodes](uint64_t inode) {
      return std::binary_search(inodes->begin(), inodes->end(), inode);
    };
    if (!inodes) {
      found.unreadable.push_back(pid);
    } else if (std::any_of(of_space->second.begin(), of_space->second.end(), is_its_own)) {
      found.listening.push_back(pid);
    }
  }
  return found;
}

}  // namespace pinfo

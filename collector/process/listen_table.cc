#include "collector/process/listen_table.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <sstream>
#include <string_view>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/read_all.h"
#include "collector/base/unique_fd.h"
#include "collector/process/proc_files.h"

namespace pinfo {
namespace {

// TCP_LISTEN, net/tcp_states.h.
constexpr unsigned kListen = 10;

std::string AddressText(int family, const void* address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (inet_ntop(family, address, text, sizeof(text)) == nullptr) {
    return "?";
  }
  return family == AF_INET ? std::string(text) : "[" + std::string(text) + "]";
}

// Of hexadecimal words, each in the machine's byte order.
std::string AddressText(std::string_view hexadecimal) {
  uint32_t words[4] = {};
  const size_t count = std::min<size_t>(hexadecimal.size() / 8, std::size(words));
  for (size_t i = 0; i < count; ++i) {
    const std::string_view word = hexadecimal.substr(8 * i, 8);
    std::from_chars(word.data(), word.data() + word.size(), words[i], 16);
  }
  return AddressText(count == 1 ? AF_INET : AF_INET6, words);
}

ListeningSocket Listening(std::string address, uint16_t port, uint64_t inode) {
  return {std::move(address) + ":" + std::to_string(port), port, inode};
}

// Appends one datagram's listeners; true where more will come, nullopt on an error of the kernel.
std::optional<bool> TakeAnswer(const char* bytes, size_t size,
                               std::vector<ListeningSocket>& found) {
  auto left = static_cast<int>(size);
  for (const auto* message = reinterpret_cast<const nlmsghdr*>(bytes); NLMSG_OK(message, left);
       message = NLMSG_NEXT(message, left)) {
    if (message->nlmsg_type == NLMSG_DONE) {
      return false;
    }
    if (message->nlmsg_type == NLMSG_ERROR ||
        message->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg))) {
      return std::nullopt;
    }
    inet_diag_msg socket{};
    std::memcpy(&socket, NLMSG_DATA(message), sizeof(socket));
    found.push_back(Listening(AddressText(socket.idiag_family, socket.id.idiag_src),
                              ntohs(socket.id.idiag_sport), socket.idiag_inode));
  }
  return true;
}

// Listeners of one address family in pinfo's own network namespace; false where the kernel does not
// answer so.
bool AskKernel(int family, std::vector<ListeningSocket>& found) {
  struct {
    nlmsghdr header;
    inet_diag_req_v2 request;
  } ask{};
  ask.header.nlmsg_len = sizeof(ask);
  ask.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  ask.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  ask.request.sdiag_family = static_cast<uint8_t>(family);
  ask.request.sdiag_protocol = IPPROTO_TCP;
  ask.request.idiag_states = 1U << kListen;
  const UniqueFd netlink(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!netlink || send(netlink.get(), &ask, sizeof(ask), 0) != sizeof(ask)) {
    return false;
  }
  alignas(nlmsghdr) std::array<char, 32768> answer{};
  while (true) {
    const ssize_t n = recv(netlink.get(), answer.data(), answer.size(), 0);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    const auto more =
        n > 0 ? TakeAnswer(answer.data(), static_cast<size_t>(n), found) : std::nullopt;
    if (!more || !*more) {
      return more.has_value();
    }
  }
}

// The format: Documentation/networking/proc_net_tcp.rst, which also says that these come first: of
// a hundred thousand connections behind them nothing is read.
void ReadTcpTable(Pid pid, const char* table, std::vector<ListeningSocket>& found) {
  bool heading = true;
  ForFirstLines(ProcPath(pid, table), [&](const std::string& line) {
    char address[33] = {};
    unsigned port = 0;
    unsigned state = 0;
    uint64_t inode = 0;
    if (heading) {
      heading = false;
      return true;
    }
    if (sscanf(line.c_str(), " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*d %*d %lu",
               address, &port, &state, &inode) != 4 ||
        state != kListen) {
      return false;
    }
    found.push_back(Listening(AddressText(address), static_cast<uint16_t>(port), inode));
    return true;
  });
}

void SortByInode(std::vector<ListeningSocket>& sockets) {
  std::sort(sockets.begin(), sockets.end(),
            [](const auto& a, const auto& b) { return a.inode < b.inode; });
}

}  // namespace

uint64_t NetworkNamespaceOf(Pid pid) {
  struct stat space {};
  return stat(ProcPath(pid, "ns/net").c_str(), &space) == 0 ? space.st_ino : 0;
}

std::vector<ListeningSocket> TcpListeners(Pid pid) {
  std::vector<ListeningSocket> found;
  const uint64_t own = NetworkNamespaceOf(Pid{static_cast<uint32_t>(getpid())});
  if (own == 0 || NetworkNamespaceOf(pid) != own || !AskKernel(AF_INET, found) ||
      !AskKernel(AF_INET6, found)) {
    found.clear();
    ReadTcpTable(pid, "net/tcp", found);
    ReadTcpTable(pid, "net/tcp6", found);
  }
  SortByInode(found);
  return found;
}

std::vector<ListeningSocket> UnixListeners(Pid pid) {
  std::vector<ListeningSocket> found;
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
        (flags & kAcceptsConnections) != 0 && path_at > 0) {
      found.push_back({"unix:" + line.substr(static_cast<size_t>(path_at)), 0, inode});
    }
  }
  SortByInode(found);
  return found;
}

}  // namespace pinfo

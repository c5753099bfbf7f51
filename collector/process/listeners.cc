#include "collector/process/listeners.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <set>

#include <unistd.h>

#include "collector/process/proc_files.h"
#include "collector/process/proc_record.h"

namespace pinfo {
namespace {

constexpr int64_t kKeepNs = 500'000'000;
constexpr int64_t kReadingShare = 100;
// Namespaces come and go with containers; nobody tells when one has gone.
constexpr size_t kSpacesMax = 256;

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

// Calls visit(pid, inodes or nullopt, listeners of its namespace) for each process that may have
// one.
template <typename Visit>
void ForEachHolder(std::span<const Pid> pids, Visit visit) {
  std::map<uint64_t, std::vector<ListeningSocket>> spaces;
  for (const Pid pid : pids) {
    const std::optional<std::vector<uint64_t>> inodes = SocketInodes(pid);
    if (inodes && inodes->empty()) {
      continue;
    }
    const uint64_t space = NetworkNamespaceOf(pid);
    if (space == 0) {  // which takes CAP_SYS_PTRACE; the table itself does not
      visit(pid, inodes, TcpListeners(pid));
      continue;
    }
    const auto [it, is_new] = spaces.try_emplace(space);
    if (is_new) {
      it->second = TcpListeners(pid);
    }
    visit(pid, inodes, it->second);
  }
}

bool Holds(const std::vector<uint64_t>& inodes, const ListeningSocket& socket) {
  return std::binary_search(inodes.begin(), inodes.end(), socket.inode);
}

}  // namespace

std::vector<uint16_t> ListenPorts(std::span<const Pid> pids) {
  std::set<uint16_t> ports;
  ForEachHolder(pids, [&](Pid, const auto& inodes, const std::vector<ListeningSocket>& sockets) {
    for (const ListeningSocket& socket : sockets) {
      if (!inodes || Holds(*inodes, socket)) {
        ports.insert(socket.port);
      }
    }
  });
  return {ports.begin(), ports.end()};
}

FoundListeners FindListeners(std::span<const Pid> among,
                             const std::function<bool(uint16_t port)>& wanted) {
  FoundListeners found;
  ForEachHolder(
      among, [&](Pid pid, const auto& inodes, const std::vector<ListeningSocket>& sockets) {
        const bool listens =
            std::any_of(sockets.begin(), sockets.end(), [&](const ListeningSocket& socket) {
              return wanted(socket.port) && (!inodes || Holds(*inodes, socket));
            });
        if (listens) {
          (inodes ? found.listening : found.unreadable).push_back(pid);
        }
      });
  return found;
}

ListenAddresses::Answer ListenAddresses::Of(Pid pid, int64_t now_ns) {
  Answer answer;
  const std::optional<std::vector<uint64_t>> inodes = SocketInodes(pid);
  if (!inodes || inodes->empty()) {
    return answer;
  }
  const uint64_t number = NetworkNamespaceOf(pid);
  if (spaces_.size() >= kSpacesMax && !spaces_.contains(number)) {
    spaces_.clear();
  }
  Space& space = spaces_[number];
  if (now_ns >= space.good_until_ns) {
    const int64_t begin_ns = MonotonicNs();
    space.sockets = TcpListeners(pid);
    std::ranges::move(UnixListeners(pid), std::back_inserter(space.sockets));
    const int64_t end_ns = MonotonicNs();
    space.good_until_ns = now_ns + std::max(kKeepNs, kReadingShare * (end_ns - begin_ns));
  }
  for (const ListeningSocket& socket : space.sockets) {
    if (Holds(*inodes, socket)) {
      answer.addresses.push_back(socket.address);
    }
  }
  std::ranges::sort(answer.addresses);
  answer.addresses.erase(std::unique(answer.addresses.begin(), answer.addresses.end()),
                         answer.addresses.end());
  answer.may_be_early = answer.addresses.empty();
  return answer;
}

}  // namespace pinfo

#include "collector/metric/statsd_server.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "collector/base/wall_clock.h"

namespace pinfo {
namespace {

constexpr size_t kDatagramBytes = 65'536;  // no UDP datagram is larger
constexpr size_t kBatch = 32;
constexpr size_t kBatchesMax = 64;  // in one go
constexpr int kReceiveBytes = 16 << 20;
// getsockopt(SO_MEMINFO): the ninth word counts what the socket dropped. Linux 4.6,
// include/uapi/linux/sock_diag.h: SK_MEMINFO_DROPS.
constexpr int kSoMeminfo = 55;
constexpr size_t kMeminfoDrops = 8;
constexpr size_t kMeminfoVars = 9;

void EnlargeReceiveBuffer(int socket) {
  const int bytes = kReceiveBytes;
  if (setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0) {
    setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));  // up to rmem_max
  }
}

int64_t KernelDrops(int socket) {
  std::array<uint32_t, kMeminfoVars> figures{};
  socklen_t size = sizeof(figures);
  if (socket < 0 || getsockopt(socket, SOL_SOCKET, kSoMeminfo, figures.data(), &size) != 0) {
    return 0;
  }
  return figures[kMeminfoDrops];
}

std::string AddressText(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  if (getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host.data(), host.size(),
                  port.data(), port.size(), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "";
  }
  return address.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host.data(), port.data())
                                       : fmt::format("{}:{}", host.data(), port.data());
}

}  // namespace

ListenAddress SplitListenAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) {
    return {.host = "127.0.0.1", .port = text};
  }
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  return {.host = std::move(host), .port = text.substr(colon + 1)};
}

Status StatsdServer::OpenUdp(const std::string& address) {
  const ListenAddress listen = SplitListenAddress(address);
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(listen.host.c_str(), listen.port.c_str(), &hints, &found);
      error != 0) {
    return Fail(fmt::format("StatsD cannot listen on {}: {}", address, gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  udp_.Reset(socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!udp_ || bind(udp_.get(), found->ai_addr, found->ai_addrlen) != 0) {
    return FailErrno(fmt::format("StatsD cannot listen on {} (another server there?)", address));
  }
  EnlargeReceiveBuffer(udp_.get());
  udp_address_ = AddressText(udp_.get());
  return {};
}

Status StatsdServer::OpenUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return Fail(fmt::format("StatsD cannot listen on {}: the path is too long", path));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const auto* raw = reinterpret_cast<const sockaddr*>(&address);
  unix_.Reset(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0) {
    // Left by one that was killed? Then nobody takes a connection there.
    const UniqueFd probe(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!S_ISSOCK(status.st_mode) || connect(probe.get(), raw, sizeof(address)) == 0) {
      return Fail(fmt::format(
          "StatsD cannot listen on {}: {}", path,
          S_ISSOCK(status.st_mode) ? "another server does" : "it is there and no socket"));
    }
    unlink(path.c_str());
  }
  if (!unix_ || bind(unix_.get(), raw, sizeof(address)) != 0) {
    return FailErrno(fmt::format("StatsD cannot listen on {}", path));
  }
  unix_path_ = path;
  chmod(path.c_str(), 0666);  // as open to this machine's users as UDP on loopback is
  EnlargeReceiveBuffer(unix_.get());
  return {};
}

Result<std::unique_ptr<StatsdServer>> StatsdServer::Start(const StatsdSettings& settings,
                                                          MetricBook& book) {
  std::unique_ptr<StatsdServer> server(new StatsdServer(book));
  server->stop_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!settings.udp.empty()) {
    if (Status status = server->OpenUdp(settings.udp); !status) {
      return tl::unexpected(status.error());
    }
  }
  if (!settings.unix_path.empty()) {
    if (Status status = server->OpenUnix(settings.unix_path); !status) {
      return tl::unexpected(status.error());
    }
  }
  server->buffer_.resize(kBatch * kDatagramBytes);
  server->thread_ = std::thread([raw = server.get()] { raw->Run(); });
  return server;
}

void StatsdServer::Stop() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    static_cast<void>(!write(stop_.get(), &one, sizeof(one)));
    thread_.join();
  }
}

StatsdServer::~StatsdServer() {
  Stop();
  if (!unix_path_.empty()) {
    unlink(unix_path_.c_str());
  }
}

void StatsdServer::Run() {
  std::array<pollfd, 3> waits{{{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                               {.fd = udp_.get(), .events = POLLIN, .revents = 0},
                               {.fd = unix_.get(), .events = POLLIN, .revents = 0}}};
  while (poll(waits.data(), waits.size(), -1) >= 0 || errno == EINTR) {
    for (const pollfd& each : {waits[1], waits[2]}) {
      if (each.fd >= 0 && (each.revents & POLLIN) != 0) {
        Drain(each.fd);
      }
    }
    if ((waits[0].revents & POLLIN) != 0) {
      return;  // what was in the sockets before has been read
    }
  }
}

void StatsdServer::Drain(int socket) {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> parts{};
  for (size_t i = 0; i < kBatch; ++i) {
    parts[i] = {.iov_base = buffer_.data() + i * kDatagramBytes, .iov_len = kDatagramBytes};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  // Not for ever: also under a flood it must be seen that the end is wanted.
  for (size_t batch = 0; batch < kBatchesMax; ++batch) {
    const int received = recvmmsg(socket, messages.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (received <= 0) {
      return;
    }
    const int64_t wall_ns = WallClockNs();
    size_t malformed = 0;
    for (size_t i = 0; i < static_cast<size_t>(received); ++i) {
      if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
        ++cut_;
      }
      malformed +=
          book_.AddDatagram({buffer_.data() + i * kDatagramBytes, messages[i].msg_len}, wall_ns);
    }
    datagrams_ += received;
    malformed_ += static_cast<int64_t>(malformed);
    if (static_cast<size_t>(received) < kBatch) {
      return;
    }
  }
}

StatsdCounts StatsdServer::counts() const {
  return {.datagrams = datagrams_,
          .malformed = malformed_,
          .dropped = cut_ + KernelDrops(udp_.get()) + KernelDrops(unix_.get())};
}

}  // namespace pinfo

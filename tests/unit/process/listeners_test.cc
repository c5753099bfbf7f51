// Against sockets of this process and of a child of it.
#include "collector/process/listeners.h"

#include <array>
#include <string>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/base/unique_fd.h"

namespace pinfo {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

struct Listener {
  UniqueFd socket;
  uint16_t port = 0;
};

Listener ListenOnLoopback(int family) {
  Listener listener{UniqueFd(socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  sockaddr_storage storage{};
  storage.ss_family = static_cast<sa_family_t>(family);
  socklen_t length = sizeof(sockaddr_in);
  if (family == AF_INET) {
    reinterpret_cast<sockaddr_in&>(storage).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  } else {
    reinterpret_cast<sockaddr_in6&>(storage).sin6_addr = in6addr_loopback;
    length = sizeof(sockaddr_in6);
  }
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  EXPECT_EQ(bind(listener.socket.get(), address, length), 0);
  EXPECT_EQ(listen(listener.socket.get(), 1), 0);
  EXPECT_EQ(getsockname(listener.socket.get(), address, &length), 0);
  // At the same place in both kinds of address.
  listener.port = ntohs(reinterpret_cast<sockaddr_in&>(storage).sin_port);
  return listener;
}

Pid Self() { return Pid{static_cast<uint32_t>(getpid())}; }

TEST(ListenersTest, AddressesOfTcpAndUnixSockets) {
  const Listener v4 = ListenOnLoopback(AF_INET);
  const Listener v6 = ListenOnLoopback(AF_INET6);
  const UniqueFd local(socket(AF_UNIX, SOCK_STREAM, 0));
  const std::string name = "pinfo-test-" + std::to_string(getpid());
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  name.copy(path.sun_path + 1, sizeof(path.sun_path) - 2);  // abstract
  ASSERT_EQ(bind(local.get(), reinterpret_cast<sockaddr*>(&path),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())),
            0);
  ASSERT_EQ(listen(local.get(), 1), 0);

  ListenAddresses addresses;
  EXPECT_THAT(addresses.Of(Self(), 0).addresses,
              AllOf(Contains("127.0.0.1:" + std::to_string(v4.port)),
                    Contains("[::1]:" + std::to_string(v6.port)), Contains("unix:@" + name),
                    Not(Contains(HasSubstr("?")))));
  EXPECT_THAT(ListenPorts(std::array{Self()}), AllOf(Contains(v4.port), Contains(v6.port)));
}

TEST(ListenersTest, ATableIsUsedForAWhile) {
  const Listener early = ListenOnLoopback(AF_INET);
  ListenAddresses addresses;
  EXPECT_THAT(addresses.Of(Self(), 0).addresses, SizeIs(1));
  const Listener late = ListenOnLoopback(AF_INET);
  EXPECT_THAT(addresses.Of(Self(), 1000).addresses, SizeIs(1));
  const int64_t hour_ns = 3'600'000'000'000;
  EXPECT_THAT(addresses.Of(Self(), hour_ns).addresses, SizeIs(2));
}

TEST(ListenersTest, SocketsOfWhichNoneListensMayBeEarly) {
  ListenAddresses addresses;
  EXPECT_FALSE(addresses.Of(Self(), 0).may_be_early);
  const UniqueFd socket_of_a_client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const ListenAddresses::Answer answer = addresses.Of(Self(), 0);
  EXPECT_TRUE(answer.may_be_early);
  EXPECT_THAT(answer.addresses, IsEmpty());
}

TEST(ListenersTest, TheTableHasPortsAndInodes) {
  const Listener v4 = ListenOnLoopback(AF_INET);
  const Listener v6 = ListenOnLoopback(AF_INET6);
  const auto found = TcpListeners(Self());
  for (const Listener* each : {&v4, &v6}) {
    struct stat status {};
    ASSERT_EQ(fstat(each->socket.get(), &status), 0);
    EXPECT_THAT(found, Contains(AllOf(Field(&ListeningSocket::port, each->port),
                                      Field(&ListeningSocket::inode, status.st_ino))));
  }
}

TEST(ListenersTest, OnlyWhoHoldsTheSocketListens) {
  const Listener listener = ListenOnLoopback(AF_INET6);
  std::array<int, 2> pipe_fds{};
  ASSERT_EQ(pipe(pipe_fds.data()), 0);
  const pid_t child = fork();
  if (child == 0) {  // has closed the listener it inherited, and waits for the pipe's end
    close(listener.socket.get());
    close(pipe_fds[1]);
    char byte = 0;
    _exit(read(pipe_fds[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(pipe_fds[0]);
  UniqueFd held(pipe_fds[1]);
  const std::array<Pid, 3> among = {Self(), Pid{static_cast<uint32_t>(child)}, Pid{1U << 31}};
  const auto is_ours = [&](uint16_t port) { return port == listener.port; };
  FoundListeners found = FindListeners(among, is_ours);
  // The child may not have closed it yet.
  for (int i = 0; i < 1000 && found.listening.size() > 1; ++i) {
    usleep(1000);
    found = FindListeners(among, is_ours);
  }
  EXPECT_THAT(found.listening, ElementsAre(Self()));
  EXPECT_THAT(found.unreadable, IsEmpty());
  EXPECT_THAT(FindListeners(among, [](uint16_t port) { return port == 0; }).listening, IsEmpty());
  held = UniqueFd();
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
}

}  // namespace
}  // namespace pinfo

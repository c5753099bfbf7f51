// Against the programs of this machine, each asked for its version itself.
#include "collector/process/runtime_version.h"

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "collector/base/unique_fd.h"
#include "collector/process/proc_reader.h"

namespace pinfo {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string OutputOf(const std::string& command) {
  std::string text;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen((command + " 2>&1").c_str(), "r"), pclose);
  std::array<char, 256> line{};
  while (pipe != nullptr && fgets(line.data(), line.size(), pipe.get()) != nullptr) {
    text += line.data();
  }
  return text;
}

std::string RuntimeOf(const std::string& path) {
  const auto elf = ElfFile::Open("", path);
  return elf ? RuntimeOfFile(**elf) : "cannot be opened: " + elf.error().message;
}

// What follows the last space or slash, without the end of line.
std::string LastWord(std::string text) {
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  return text.substr(text.find_last_of(" /v") + 1);
}

TEST(RuntimeVersionTest, PythonSaysTheSameOfItself) {
  EXPECT_EQ(RuntimeOf("/usr/bin/python3.11"),
            "CPython " + LastWord(OutputOf("/usr/bin/python3.11 --version")));
}

TEST(RuntimeVersionTest, NginxSaysTheSameOfItself) {
  EXPECT_EQ(RuntimeOf("/usr/sbin/nginx"), "nginx " + LastWord(OutputOf("/usr/sbin/nginx -v")));
}

TEST(RuntimeVersionTest, NothingIsMadeUp) {
  EXPECT_EQ(RuntimeOf("/usr/bin/env"), "");
  // Its name alone is no proof.
  char path[] = "/tmp/pinfo-runtime-XXXXXX";
  ASSERT_NE(mkdtemp(path), nullptr);
  const std::string copy = std::string(path) + "/nginx";
  ASSERT_EQ(OutputOf("cp /usr/bin/env " + copy), "");
  EXPECT_EQ(RuntimeOf(copy), "");
  OutputOf("rm -r " + std::string(path));
}

TEST(RuntimeVersionTest, AProcessIsToldByItsProgramAndItsLibraries) {
  RuntimeVersions runtimes;
  std::vector<std::string> libraries;
  for (const RecordBytes& record :
       ReadExecutableMaps(Pid{static_cast<uint32_t>(getpid())}).records) {
    pinfo_mapping mapping{};
    std::memcpy(&mapping, record.data(), sizeof(mapping));
    libraries.emplace_back(reinterpret_cast<const char*>(record.data()) + sizeof(mapping),
                           mapping.path_bytes);
  }
  const Pid self{static_cast<uint32_t>(getpid())};
  const std::string glibc = runtimes.Describe(self, ReadExe(self), libraries);
  EXPECT_THAT(glibc, StartsWith("glibc 2."));
  EXPECT_EQ(runtimes.Describe(self, "/usr/bin/python3.11", libraries),
            RuntimeOf("/usr/bin/python3.11") + ", " + glibc);
}

TEST(ListenAddressesTest, OfTcpAndUnixSockets) {
  const UniqueFd v4(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(v4.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(v4.get(), 1), 0);
  socklen_t length = sizeof(address);
  ASSERT_EQ(getsockname(v4.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);

  const UniqueFd v6(socket(AF_INET6, SOCK_STREAM, 0));
  sockaddr_in6 address6{};
  address6.sin6_family = AF_INET6;
  address6.sin6_addr = in6addr_loopback;
  ASSERT_EQ(bind(v6.get(), reinterpret_cast<sockaddr*>(&address6), sizeof(address6)), 0);
  ASSERT_EQ(listen(v6.get(), 1), 0);
  length = sizeof(address6);
  ASSERT_EQ(getsockname(v6.get(), reinterpret_cast<sockaddr*>(&address6), &length), 0);

  const UniqueFd local(socket(AF_UNIX, SOCK_STREAM, 0));
  const std::string name = "pinfo-test-" + std::to_string(getpid());
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  name.copy(path.sun_path + 1, sizeof(path.sun_path) - 2);  // abstract
  ASSERT_EQ(bind(local.get(), reinterpret_cast<sockaddr*>(&path),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())),
            0);
  ASSERT_EQ(listen(local.get(), 1), 0);

  const auto addresses = ListenAddresses(Pid{static_cast<uint32_t>(getpid())});
  EXPECT_THAT(addresses, AllOf(Contains("127.0.0.1:" + std::to_string(ntohs(address.sin_port))),
                               Contains("[::1]:" + std::to_string(ntohs(address6.sin6_port))),
                               Contains("unix:@" + name), Not(Contains(HasSubstr("?")))));
  EXPECT_THAT(ListenPorts(Pid{static_cast<uint32_t>(getpid())}), Contains(ntohs(address.sin_port)));
}

}  // namespace
}  // namespace pinfo

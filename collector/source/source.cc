#include "collector/source/source.h"

#include <ctime>
#include <fstream>
#include <sstream>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace pinfo {
namespace {

std::string FirstLine(const char* path) {
  std::string line;
  std::ifstream(path) >> line;
  return line;
}

int64_t ClockNs(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// What "hostname -f" finds without asking a name server, which may take long: the canonical name in
// /etc/hosts, the first of its line.
std::string FullName(const std::string& node) {
  std::ifstream hosts("/etc/hosts");
  std::string line;
  while (std::getline(hosts, line)) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string address;
    std::string canonical;
    if (!(words >> address >> canonical)) {
      continue;
    }
    for (std::string name = canonical; !name.empty();) {
      if (name == node) {
        return canonical;
      }
      if (!(words >> name)) {
        break;
      }
    }
  }
  return node;
}

std::string InterfaceAddresses() {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) {
    return {};
  }
  std::string text;
  for (const ifaddrs* each = first; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr || (each->ifa_flags & IFF_LOOPBACK) != 0) {
      continue;
    }
    char name[INET6_ADDRSTRLEN] = {};
    if (each->ifa_addr->sa_family == AF_INET) {
      const auto* in = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
      inet_ntop(AF_INET, &in->sin_addr, name, sizeof(name));
    } else if (each->ifa_addr->sa_family == AF_INET6) {
      const auto* in6 = reinterpret_cast<const sockaddr_in6*>(each->ifa_addr);
      if (!IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr)) {
        inet_ntop(AF_INET6, &in6->sin6_addr, name, sizeof(name));
      }
    }
    if (name[0] != '\0') {
      text += (text.empty() ? "" : " ") + std::string(name);
    }
  }
  freeifaddrs(first);
  return text;
}

}  // namespace

int64_t LiveWallMinusMonotonicNs() {
  // Two clocks cannot be read at once: of a few tries the one in which least time passed counts.
  int64_t best = 0;
  int64_t least = INT64_MAX;
  for (int i = 0; i < 3; ++i) {
    const int64_t before = ClockNs(CLOCK_MONOTONIC);
    const int64_t wall = ClockNs(CLOCK_REALTIME);
    const int64_t after = ClockNs(CLOCK_MONOTONIC);
    if (after - before < least) {
      least = after - before;
      best = wall - before - (after - before) / 2;
    }
  }
  return best;
}

Origin LiveOrigin() {
  Origin origin;
  origin.host = FirstLine("/etc/machine-id");
  if (origin.host.empty()) {
    char name[256] = {};
    gethostname(name, sizeof(name) - 1);
    origin.host = name;
  }
  if (utsname name{}; uname(&name) == 0) {
    origin.uname =
        std::string(name.sysname) + " " + name.release + " " + name.version + " " + name.machine;
    origin.fqdn = FullName(name.nodename);
  }
  origin.addresses = InterfaceAddresses();
  origin.boot_id = FirstLine("/proc/sys/kernel/random/boot_id");
  const int64_t monotonic = ClockNs(CLOCK_MONOTONIC);
  origin.wall_minus_monotonic_ns = LiveWallMinusMonotonicNs();
  origin.boot_minus_monotonic_ns = ClockNs(CLOCK_BOOTTIME) - monotonic;
  return origin;
}

}  // namespace pinfo

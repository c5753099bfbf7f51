// Which of the two ways of seeing requests a kernel is asked for. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace pinfo {

enum class ProbeStrategy : uint8_t { kAuto, kSocket, kSyscall };

struct KernelVersion {
  int major = 0;
  int minor = 0;
  friend auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

// Of a release as uname(2) gives it, "6.1.0-18-amd64"; nullopt where it does not begin so.
std::optional<KernelVersion> ParseKernelVersion(std::string_view release);

// The tracepoints sock_send_length and sock_recv_length came with Linux 6.3 (6e6eda44b939). Until
// 6.5, sendfile and splice passed them by (sendpage; removed by dc97391e6610, and the ways that
// reached it by 2dc334f1a63a): answers out of files would end too early and have no bytes.
inline constexpr KernelVersion kSocketProbesSeeAll{6, 5};

// Whether the socket tracepoints are the ones to try first. Where the version is not known they
// are: loading them fails where they are missing.
bool TrySocketProbes(ProbeStrategy asked, std::optional<KernelVersion> kernel);

}  // namespace pinfo

#include "collector/source/probe_choice.h"

#include <charconv>

namespace pinfo {

std::optional<KernelVersion> ParseKernelVersion(std::string_view release) {
  KernelVersion version;
  const char* const end = release.data() + release.size();
  const auto major = std::from_chars(release.data(), end, version.major);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') {
    return std::nullopt;
  }
  if (std::from_chars(major.ptr + 1, end, version.minor).ec != std::errc()) {
    return std::nullopt;
  }
  return version;
}

bool TrySocketProbes(ProbeStrategy asked, std::optional<KernelVersion> kernel) {
  return asked == ProbeStrategy::kSocket ||
         (asked == ProbeStrategy::kAuto && (!kernel || *kernel >= kSocketProbesSeeAll));
}

}  // namespace pinfo

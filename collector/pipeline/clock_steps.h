// Whether the wall clock can be trusted to tell what is old: for a day after it was stepped (by
// hand, by the first answer of a time server, or in that the machine slept) it is not, so that
// nothing is deleted for its age. Pure. Times in nanoseconds.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>

namespace pinfo {

class ClockSteps {
 public:
  // REQUIRES monotonic_ns not less than at the last call.
  bool IsInDoubt(int64_t wall_ns, int64_t monotonic_ns) {
    const int64_t offset = wall_ns - monotonic_ns;
    if (last_offset_ && std::abs(offset - *last_offset_) > kStepNs) {
      doubted_until_ns_ = monotonic_ns + kDoubtNs;
    }
    last_offset_ = offset;
    return monotonic_ns < doubted_until_ns_;
  }

 private:
  static constexpr int64_t kStepNs = int64_t{600} * 1'000'000'000;
  static constexpr int64_t kDoubtNs = int64_t{86'400} * 1'000'000'000;
  std::optional<int64_t> last_offset_;
  int64_t doubted_until_ns_ = INT64_MIN;
};

}  // namespace pinfo

// Log-linear histogram of durations: 16 buckets a power of two, so a bucket is at most 6.25% wide
// relative to its lower edge. Buckets are stable numbers: they are stored.
#pragma once

#include <bit>
#include <cstdint>

namespace pinfo {

inline constexpr int kHistogramSubBits = 4;  // 16 sub-buckets

// 0..15 ns each their own bucket; then 16 a power of two. Negative counts as 0.
constexpr uint16_t HistogramBucket(int64_t ns) {
  if (ns < (1 << kHistogramSubBits)) {
    return ns < 0 ? 0 : static_cast<uint16_t>(ns);
  }
  const int exponent = std::bit_width(static_cast<uint64_t>(ns)) - 1;
  const auto sub = static_cast<uint16_t>((ns >> (exponent - kHistogramSubBits)) & 15);
  return static_cast<uint16_t>(((exponent - kHistogramSubBits + 1) << kHistogramSubBits) + sub);
}

// The least value that falls into the bucket.
constexpr int64_t HistogramLowerBound(uint16_t bucket) {
  if (bucket < (1 << kHistogramSubBits)) {
    return bucket;
  }
  const int exponent = (bucket >> kHistogramSubBits) + kHistogramSubBits - 1;
  return (int64_t{1} << exponent) +
         (static_cast<int64_t>(bucket & 15) << (exponent - kHistogramSubBits));
}

}  // namespace pinfo

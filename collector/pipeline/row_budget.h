// Which requests get a row of their own, and which are profiled, when there are too many for all.
// Every request is counted whatever is decided here. One thread; pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace pinfo {

// Tokens that grow with time up to a limit.
class TokenBucket {
 public:
  TokenBucket(double per_second, double burst)
      : per_second_(per_second), burst_(burst), tokens_(burst) {}
  void Refill(int64_t now_ns);
  [[nodiscard]] size_t available() const { return static_cast<size_t>(tokens_); }
  void Spend(size_t count) { tokens_ -= static_cast<double>(count); }

 private:
  double per_second_;
  double burst_;
  double tokens_;
  int64_t last_ns_ = 0;
};

struct RowCandidate {
  int64_t latency_ns = 0;
  bool failed = false;
  bool profile_wanted = false;
};

struct RowDecision {
  bool keep = false;
  bool profile = false;
  double weight = 1;  // requests that the row stands for
};

// Rows: all while tokens last; then the failed and the slowest, half of the tokens at most, and of
// the rest every k-th with weight k. Profiles: the slowest of those wanted. A profiled request
// always has a row. The weights of the rows kept add up to the number of candidates, to rounding.
std::vector<RowDecision> DecideRows(std::span<const RowCandidate> candidates, size_t row_tokens,
                                    size_t profile_tokens);

}  // namespace pinfo

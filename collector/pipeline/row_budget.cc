#include "collector/pipeline/row_budget.h"

#include <algorithm>
#include <cmath>

namespace pinfo {
namespace {

// Indexes of the candidates that pass, slowest first, at most limit.
template <typename Pass>
std::vector<size_t> Slowest(std::span<const RowCandidate> candidates, size_t limit, Pass pass) {
  std::vector<size_t> chosen;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (pass(i)) {
      chosen.push_back(i);
    }
  }
  const auto slower = [&](size_t a, size_t b) {
    return candidates[a].latency_ns > candidates[b].latency_ns;
  };
  if (chosen.size() > limit) {
    std::partial_sort(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(limit),
                      chosen.end(), slower);
    chosen.resize(limit);
  }
  return chosen;
}

}  // namespace

void TokenBucket::Refill(int64_t now_ns) {
  if (last_ns_ != 0 && now_ns > last_ns_) {
    tokens_ = std::min(
        burst_, tokens_ + per_second_ * static_cast<double>(now_ns - last_ns_) / 1'000'000'000.0);
  }
  last_ns_ = std::max(last_ns_, now_ns);
}

std::vector<RowDecision> DecideRows(std::span<const RowCandidate> candidates, size_t row_tokens,
                                    size_t profile_tokens) {
  std::vector<RowDecision> decisions(candidates.size());
  for (const size_t i : Slowest(candidates, std::min(profile_tokens, row_tokens),
                                [&](size_t i) { return candidates[i].profile_wanted; })) {
    decisions[i] = {.keep = true, .profile = true};
  }
  if (candidates.size() <= row_tokens) {
    for (RowDecision& decision : decisions) {
      decision.keep = true;
    }
    return decisions;
  }
  const auto not_kept = [&](size_t i) { return !decisions[i].keep; };
  for (const size_t i : Slowest(candidates, row_tokens / 4,
                                [&](size_t i) { return not_kept(i) && candidates[i].failed; })) {
    decisions[i].keep = true;
  }
  for (const size_t i : Slowest(candidates, row_tokens / 4, not_kept)) {
    decisions[i].keep = true;
  }
  size_t kept = 0;
  for (const RowDecision& decision : decisions) {
    kept += decision.keep ? 1 : 0;
  }
  const size_t rest = candidates.size() - kept;
  const size_t share = row_tokens > kept ? std::min(row_tokens - kept, rest) : 0;
  if (share == 0) {
    return decisions;
  }
  const double step = static_cast<double>(rest) / static_cast<double>(share);
  double next = step / 2;
  size_t position = 0;
  for (size_t i = 0; i < decisions.size(); ++i) {
    if (decisions[i].keep) {
      continue;
    }
    if (static_cast<double>(position) + 1 > next) {
      decisions[i] = {.keep = true, .profile = false, .weight = step};
      next += step;
    }
    ++position;
  }
  return decisions;
}

}  // namespace pinfo

// Which requests are profiled: the rule of --profile and the filters beside it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "collector/base/result.h"
#include "collector/request/assembler.h"

namespace pinfo {

struct ProfileFilters {
  // Globs over the target's path: those wanted (empty: every path), and those not, which are
  // stronger.
  std::vector<std::string> match = {};
  std::vector<std::string> exclude = {};
  std::vector<std::string> skip_header = {};  // requests that carry one of these fields
  std::vector<std::string> media_types = {};  // globs over the response's; empty: every one
};

// Pure apart from the count that 1/N needs. Belongs to one thread.
class ProfileRule {
 public:
  // rule: "all", "none", "1/N" (the first, the (N+1)th ... of the requests that pass the filters),
  // "slow=DURATION" (at least that long) or "failed" (status 5xx, or aborted). Fails with a message
  // that names the text it could not read.
  static Result<ProfileRule> Parse(std::string_view rule, ProfileFilters filters);

  // Whether the request is to be profiled. Requests whose start was not seen (kPartial) never are.
  bool Wants(const ServedRequest& request);

 private:
  enum class Kind : uint8_t { kAll, kNone, kOneIn, kSlow, kFailed };
  ProfileRule() = default;
  [[nodiscard]] bool PassesFilters(const ServedRequest& request) const;

  Kind kind_ = Kind::kAll;
  uint64_t one_in_ = 1;
  uint64_t seen_ = 0;
  int64_t slow_ns_ = 0;
  ProfileFilters filters_;
};

}  // namespace pinfo

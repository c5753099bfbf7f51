#include "collector/request/route_pattern.h"

#include <fmt/format.h>

namespace pinfo {
namespace {

constexpr size_t kMaxPattern = 200;  // routes are no longer (FoldPath)
constexpr std::string_view kRest = "**";

// The segment before the next '/', taken off with it.
std::string_view TakeSegment(std::string_view& path) {
  const size_t end = path.find('/');
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
  return segment;
}

bool IsVariable(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// REQUIRES: both begin with '/'.
bool Matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty() && !path.empty()) {
    // A '/' was taken off both, so that the ends agree only if the last segments do.
    const bool pattern_goes_on = pattern.find('/') != std::string_view::npos;
    const bool path_goes_on = path.find('/') != std::string_view::npos;
    const std::string_view want = TakeSegment(pattern);
    const std::string_view segment = TakeSegment(path);
    if (want == kRest && !pattern_goes_on) {
      return true;
    }
    if (IsVariable(want) ? segment.empty() : want != segment) {
      return false;
    }
    if (pattern_goes_on != path_goes_on) {
      return pattern_goes_on && pattern == kRest;
    }
  }
  return pattern == path || pattern == kRest;
}

}  // namespace

Result<RoutePatterns> RoutePatterns::Parse(const std::vector<std::string>& patterns) {
  RoutePatterns parsed;
  for (const std::string& pattern : patterns) {
    const size_t rest = pattern.find(kRest);
    const bool rest_in_the_middle =
        rest != std::string::npos && (rest + kRest.size() != pattern.size() || rest == 0 ||
                                      pattern[rest - 1] != '/');
    if (!pattern.starts_with('/') || pattern.size() > kMaxPattern || rest_in_the_middle ||
        pattern.find_first_of("?# \t\r\n") != std::string::npos) {
      return Fail(fmt::format(
          "'{}' is not a route pattern: give a path of at most {} bytes such as /shop/{{product}} or "
          "/static/**",
          pattern, kMaxPattern));
    }
    parsed.patterns_.push_back(pattern);
  }
  return parsed;
}

std::optional<std::string_view> RoutePatterns::Match(std::string_view path) const {
  if (patterns_.empty() || !path.starts_with('/')) {
    return std::nullopt;
  }
  for (const std::string_view pattern : patterns_) {
    if (Matches(pattern, path)) {
      return pattern;
    }
  }
  return std::nullopt;
}

}  // namespace pinfo

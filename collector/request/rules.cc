#include "collector/request/rules.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "collector/base/duration.h"
#include "collector/base/glob.h"
#include "collector/request/http1.h"

namespace pinfo {
namespace {

std::string_view PathOf(std::string_view target) {
  return target.substr(0, target.find_first_of("?#"));
}

bool AnyMatches(const std::vector<std::string>& globs, std::string_view path) {
  return std::any_of(globs.begin(), globs.end(),
                     [path](const std::string& glob) { return GlobMatches(glob, path); });
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return lower;
}

Status CheckFilters(const ProfileFilters& filters) {
  for (const auto* globs : {&filters.match, &filters.exclude}) {
    for (const std::string& glob : *globs) {
      if (glob.empty()) {
        return Fail("'' is not a pattern: give a path such as /api/* or /static/**");
      }
    }
  }
  for (const std::string& type : filters.media_types) {
    if (type.find('/') == std::string::npos) {
      return Fail(
          fmt::format("'{}' is no media type: give one such as text/html or image/*", type));
    }
  }
  for (const std::string& name : filters.skip_header) {
    if (name.empty() || name.find_first_of(" \t:\r\n") != std::string::npos) {
      return Fail(
          fmt::format("'{}' is not the name of a header field: give one such as Referer", name));
    }
  }
  return {};
}

}  // namespace

Result<ProfileRule> ProfileRule::Parse(std::string_view rule, ProfileFilters filters) {
  constexpr std::string_view kOneInPrefix = "1/";
  constexpr std::string_view kSlowPrefix = "slow=";
  if (const Status status = CheckFilters(filters); !status) {
    return tl::unexpected(status.error());
  }
  ProfileRule parsed;
  for (std::string& type : filters.media_types) {
    type = LowerCase(type);
  }
  parsed.filters_ = std::move(filters);
  if (rule == "all") {
    parsed.kind_ = Kind::kAll;
    return parsed;
  }
  if (rule == "none") {
    parsed.kind_ = Kind::kNone;
    return parsed;
  }
  if (rule == "failed") {
    parsed.kind_ = Kind::kFailed;
    return parsed;
  }
  if (rule.starts_with(kSlowPrefix)) {
    const auto slow = ParseDuration(rule.substr(kSlowPrefix.size()));
    if (!slow) {
      return Fail(fmt::format("profile rule '{}': {}", rule, slow.error().message));
    }
    parsed.kind_ = Kind::kSlow;
    parsed.slow_ns_ = *slow;
    return parsed;
  }
  if (rule.starts_with(kOneInPrefix)) {
    const char* const end = rule.data() + rule.size();
    const auto [last, error] =
        std::from_chars(rule.data() + kOneInPrefix.size(), end, parsed.one_in_);
    if (error == std::errc() && last == end && parsed.one_in_ > 0) {
      parsed.kind_ = Kind::kOneIn;
      return parsed;
    }
  }
  return Fail(fmt::format(
      "'{}' is not a profile rule: give all, none, failed, 1/N (as 1/100) or slow=DURATION (as "
      "slow=50ms)",
      rule));
}

bool ProfileRule::PassesFilters(const ServedRequest& request) const {
  const std::string_view path = PathOf(request.target);
  if (!filters_.match.empty() && !AnyMatches(filters_.match, path)) {
    return false;
  }
  if (!filters_.media_types.empty() &&
      !AnyMatches(filters_.media_types, LowerCase(request.media_type))) {
    return false;
  }
  return !AnyMatches(filters_.exclude, path) &&
         std::none_of(filters_.skip_header.begin(), filters_.skip_header.end(),
                      [&request](const std::string& name) {
                        return FindField(request.head, name).has_value();
                      });
}

bool ProfileRule::Wants(const ServedRequest& request) {
  if (kind_ == Kind::kNone || request.outcome == Outcome::kPartial || !PassesFilters(request)) {
    return false;
  }
  switch (kind_) {
    case Kind::kAll:
      return true;
    case Kind::kNone:
      return false;
    case Kind::kOneIn:
      return seen_++ % one_in_ == 0;
    case Kind::kSlow:
      return request.end_ns - request.start_ns >= slow_ns_;
    case Kind::kFailed:
      return request.status >= 500 || request.outcome == Outcome::kAborted;
  }
  return false;
}

}  // namespace pinfo

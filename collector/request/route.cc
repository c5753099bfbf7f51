#include "collector/request/route.h"

#include <algorithm>

#include "collector/base/text_hash.h"

namespace pinfo {
namespace {

constexpr size_t kMaxRoute = 200;
constexpr size_t kMinHash = 16;
constexpr size_t kRecentTarget = 512;  // longer ones are not remembered
constexpr std::string_view kCut = "...";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// pattern: 'd' a decimal digit, 'x' a hexadecimal one, anything else itself.
bool Matches(std::string_view text, std::string_view pattern) {
  return std::equal(text.begin(), text.end(), pattern.begin(), pattern.end(), [](char c, char p) {
    return p == 'd' ? IsDigit(c) : p == 'x' ? IsHexDigit(c) : c == p;
  });
}

std::string_view FoldSegment(std::string_view segment) {
  if (segment.empty() || !std::any_of(segment.begin(), segment.end(), IsDigit)) {
    return segment;  // a word, whatever its length
  }
  if (std::all_of(segment.begin(), segment.end(), IsDigit)) {
    return "{n}";
  }
  if (Matches(segment, "dddd-dd-dd")) {
    return "{date}";
  }
  if (Matches(segment, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")) {
    return "{uuid}";
  }
  if (segment.size() >= kMinHash && std::all_of(segment.begin(), segment.end(), IsHexDigit)) {
    return "{hash}";
  }
  return segment;
}

// The path of an absolute-form target; other forms stay.
std::string_view DropAuthority(std::string_view target) {
  const size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) {
    return target;
  }
  const size_t path = target.find_first_of("/?#", scheme + 3);
  return path == std::string_view::npos || target[path] != '/' ? std::string_view("/")
                                                               : target.substr(path);
}

std::string_view PathOf(std::string_view target) {
  return DropAuthority(target.substr(0, target.find_first_of("?#")));
}

}  // namespace

std::string FoldPath(std::string_view target) {
  std::string_view path = PathOf(target);
  std::string route;
  route.reserve(std::min(path.size(), kMaxRoute) + kCut.size());
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    route += FoldSegment(path.substr(0, end));
    if (end < path.size()) {
      route += '/';
    }
    path.remove_prefix(std::min(end + 1, path.size()));
    if (route.size() > kMaxRoute) {
      route.resize(kMaxRoute);
      route += kCut;
      break;
    }
  }
  return route;
}

std::string RouteFolder::RouteOf(const std::string& site, std::string_view target) {
  Recent& recent = recent_[HashText(target) % recent_.size()];
  if (!recent.route.empty() && recent.target == target && recent.site == site) {
    return recent.route;
  }
  std::string route = Fold(site, target);
  // One that the site has no room for is counted each time.
  if (route == kOtherRoute || target.size() > kRecentTarget) {
    return route;
  }
  recent = {.site = site, .target = std::string(target), .route = route};
  return route;
}

std::string RouteFolder::Fold(const std::string& site, std::string_view target) {
  const auto pattern = patterns_.Match(PathOf(target));
  std::string route = pattern ? std::string(*pattern) : FoldPath(target);
  auto found = routes_.find(site);
  if (found == routes_.end()) {
    found = routes_.try_emplace(routes_.size() < max_sites_ ? site : std::string()).first;
  }
  auto& known = found->second;
  if (known.contains(route)) {
    return route;
  }
  if (known.size() >= max_routes_) {
    ++overflowed_;
    return std::string(kOtherRoute);
  }
  known.insert(route);
  return route;
}

}  // namespace pinfo

// Targets -> routes: the shape of a path with the parts that vary from request to request folded,
// so that their number stays small.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "collector/request/route_pattern.h"

namespace pinfo {

inline constexpr std::string_view kOtherRoute = "{other}";

// The path of an origin or absolute-form target, its segments folded: numbers to {n}, UUIDs to
// {uuid}, hexadecimal strings of 16 digits or more to {hash}, dates as 2026-11-21 to {date}. Query
// and fragment are dropped, percent-encoding is left, what is longer than 200 bytes is cut and ends
// in "...". "*" and authorities (CONNECT) stay as they are; empty gives empty.
std::string FoldPath(std::string_view target);

// Bounds the number of routes of each site. Belongs to one thread.
class RouteFolder {
 public:
  explicit RouteFolder(size_t max_routes = 200, size_t max_sites = 1000,
                       RoutePatterns patterns = {})
      : max_routes_(max_routes), max_sites_(max_sites), patterns_(std::move(patterns)) {}

  // The pattern that the target's path matches, else FoldPath(target), or kOtherRoute where the
  // site already has max_routes others. Sites beyond max_sites share one set.
  std::string RouteOf(const std::string& site, std::string_view target);

  // Requests that were folded into kOtherRoute.
  [[nodiscard]] uint64_t overflowed() const { return overflowed_; }

 private:
  size_t max_routes_;
  size_t max_sites_;
  RoutePatterns patterns_;
  std::string Fold(const std::string& site, std::string_view target);

  std::unordered_map<std::string, std::unordered_set<std::string>> routes_;
  // Answers given lately: most targets come again.
  struct Recent {
    std::string site;
    std::string target;
    std::string route;  // empty: none
  };
  std::array<Recent, 64> recent_;
  uint64_t overflowed_ = 0;
};

}  // namespace pinfo

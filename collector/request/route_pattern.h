// Routes as the user names them: patterns such as "/shop/{product}/reviews/**".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/base/result.h"

namespace pinfo {

// A plain value. A segment in braces matches any one segment that is not empty, "**" at the end any
// rest (also none), everything else itself. What matches has the pattern's own text as its route.
class RoutePatterns {
 public:
  // Fails with a message that names the pattern it could not read.
  static Result<RoutePatterns> Parse(const std::vector<std::string>& patterns);

  // The first pattern that matches the path (without query), as it was given.
  [[nodiscard]] std::optional<std::string_view> Match(std::string_view path) const;
  [[nodiscard]] bool empty() const { return patterns_.empty(); }

 private:
  std::vector<std::string> patterns_;
};

}  // namespace pinfo

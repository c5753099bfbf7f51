// Regular expressions of Perl's kind (PCRE2) over names of any length: matching takes bounded time
// and no recursion on the stack, unlike std::regex.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "collector/base/result.h"

namespace pinfo {

class RegularExpression {
 public:
  // Fails with what is wrong with the pattern.
  static Result<RegularExpression> Compile(const std::string& pattern);

  // Whether it matches anywhere in the text; also false where it would take too long.
  [[nodiscard]] bool Matches(std::string_view text) const;

 private:
  struct Code;
  explicit RegularExpression(std::shared_ptr<const Code> code) : code_(std::move(code)) {}

  std::shared_ptr<const Code> code_;
};

}  // namespace pinfo

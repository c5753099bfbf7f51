#include "collector/emit/regular_expression.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace pinfo {

struct RegularExpression::Code {
  explicit Code(pcre2_code* compiled)
      : code(compiled), match(pcre2_match_data_create_from_pattern(compiled, nullptr)) {}
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() {
    pcre2_match_data_free(match);
    pcre2_code_free(code);
  }
  pcre2_code* code;
  pcre2_match_data* match;
};

Result<RegularExpression> RegularExpression::Compile(const std::string& pattern) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
  if (code == nullptr) {
    std::array<char, 256> reason{};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(reason.data()), reason.size());
    return Fail(fmt::format("'{}' is no regular expression: {} at character {}", pattern,
                            reason.data(), offset));
  }
  return RegularExpression(std::make_shared<const Code>(code));
}

bool RegularExpression::Matches(std::string_view text) const {
  return pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0,
                     code_->match, nullptr) >= 0;
}

}  // namespace pinfo

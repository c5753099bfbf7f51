// Checks of numbers on the command line, with messages for people: CLI11's own name the largest double
// as the other end of the range, in 300 digits.
#pragma once

#include <cstdlib>
#include <string>

#include <CLI/CLI.hpp>

namespace pinfo::cli {

inline CLI::Validator NumberCheck(const char* type, bool zero_too) {
  return CLI::Validator(
      [zero_too](const std::string& text) -> std::string {
        char* end = nullptr;
        const double value = std::strtod(text.c_str(), &end);
        if (text.empty() || *end != '\0') {
          return "'" + text + "' is no number";
        }
        if (!(zero_too ? value >= 0 : value > 0)) {
          return text + (zero_too ? " is below 0" : " is not above 0");
        }
        return {};
      },
      type);
}
inline CLI::Validator NotNegative() { return NumberCheck("NONNEGATIVE", true); }
inline CLI::Validator AboveZero() { return NumberCheck("POSITIVE", false); }

}  // namespace pinfo::cli

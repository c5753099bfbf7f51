// How a function's name is written into a node.
#pragma once

#include <string>

namespace pinfo {

// Without what is in (balanced) parentheses, a trailing const, and what is in angle brackets.
std::string StripSignature(std::string name);

// In lines of at most 32 characters where white space allows; ", " and "> >" are closed up.
std::string WrapName(const std::string& name);

// At most 4096 characters, the last an ellipsis where it was cut: dot's lexer refuses quoted
// strings of 16 KiB.
std::string ShortenName(std::string name);

}  // namespace pinfo

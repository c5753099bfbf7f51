// Patterns as a shell has them, over paths, routes, sites and names of processes.
#pragma once

#include <string_view>

namespace pinfo {

// A shell-like pattern over the whole text: * any bytes ('/' too), ? one byte, \ takes the next
// literally; a pattern "PATH/**" also matches PATH itself.
bool GlobMatches(std::string_view pattern, std::string_view text);

}  // namespace pinfo

#include "collector/base/result.h"

#include <system_error>

namespace pinfo {

tl::unexpected<Error> FailErrno(const std::string& what, int errno_value) {
  return Fail(what + ": " + std::generic_category().message(errno_value));
}

}  // namespace pinfo

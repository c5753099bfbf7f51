// The one error style of user space: a failure one can recover from is a Result, nothing is thrown
// for it. The message is for the user: what happened, to what, and what to do.
#pragma once

#include <cerrno>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace pinfo {

struct [[nodiscard]] Error {
  std::string message;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

inline tl::unexpected<Error> Fail(std::string message) {
  return tl::unexpected<Error>(Error{std::move(message)});
}

// "what: strerror(errno_value)".
tl::unexpected<Error> FailErrno(const std::string& what, int errno_value = errno);

}  // namespace pinfo

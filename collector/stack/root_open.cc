#include "collector/stack/root_open.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pinfo {
namespace {

// A handle on the file itself that does not open it yet (O_PATH has no effect on devices).
int OpenHandle(const std::string& root, const std::string& path) {
  if (root.empty() || root == "/") {
    return ::open(path.c_str(), O_PATH | O_CLOEXEC);
  }
  const UniqueFd directory(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    return -1;
  }
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const auto fd =
      static_cast<int>(::syscall(SYS_openat2, directory.get(), path.c_str(), &how, sizeof(how)));
  if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
    // Before Linux 5.6, or refused by an old container runtime's seccomp filter.
    return ::open((root + "/" + path).c_str(), O_PATH | O_CLOEXEC);
  }
  return fd;
}

}  // namespace

Result<UniqueFd> OpenInRoot(const std::string& root, const std::string& path) {
  const UniqueFd handle(OpenHandle(root, path));
  struct stat info {};
  if (!handle || ::fstat(handle.get(), &info) != 0) {
    return FailErrno(root + path);
  }
  if (!S_ISREG(info.st_mode)) {
    return Fail(root + path + ": not a regular file");
  }
  UniqueFd fd(::open(fmt::format("/proc/self/fd/{}", handle.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return FailErrno(root + path);
  }
  return fd;
}

}  // namespace pinfo

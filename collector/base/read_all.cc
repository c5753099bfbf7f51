#include "collector/base/read_all.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "collector/base/unique_fd.h"

namespace pinfo {

std::string ReadAll(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char block[16384];
  while (fd) {
    const ssize_t n = read(fd.get(), block, sizeof(block));
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      break;
    }
    text.append(block, static_cast<size_t>(n));
  }
  return text;
}

}  // namespace pinfo

#include "collector/emit/file_io.h"

#include <atomic>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/unique_fd.h"

namespace pinfo {
namespace {

bool WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) {
      return false;
    }
    bytes.remove_prefix(written < 0 ? 0 : static_cast<size_t>(written));
  }
  return true;
}

// In the directory of the file, since a rename does not cross file systems.
std::string TemporaryName(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  return fmt::format("{}.tmp.{}.{}", path, ::getpid(), counter++);
}

}  // namespace

Status WriteFileAtomically(const std::string& path, std::string_view bytes) {
  const std::string temporary = TemporaryName(path);
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd) {
    return FailErrno(fmt::format("cannot write {}", path));
  }
  if (!WriteAll(fd.get(), bytes) || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return FailErrno(fmt::format("cannot write {}", path), error);
  }
  return {};
}

Result<std::string> ReadFile(const std::string& path, size_t max_bytes) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    return FailErrno(fmt::format("cannot read {}", path));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return FailErrno(fmt::format("cannot read {}", path));
  }
  if (!S_ISREG(status.st_mode)) {
    return Fail(fmt::format("cannot read {}: not a regular file", path));
  }
  std::string bytes;
  char buffer[65536];
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof(buffer));
    if (got == 0) {
      return bytes;
    }
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      return FailErrno(fmt::format("cannot read {}", path));
    }
    bytes.append(buffer, static_cast<size_t>(got));
    if (bytes.size() > max_bytes) {
      return Fail(fmt::format("cannot read {}: larger than {} bytes", path, max_bytes));
    }
  }
}

}  // namespace pinfo

#include "cli/attach_lock.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "collector/process/proc_reader.h"

namespace pinfo::cli {
namespace {

Result<AttachLock> Lock(Pid pid) {
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) {
    return FailErrno("opening a socket");
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // sun_path[0] == 0 makes the name abstract; the start time tells a reused pid apart.
  const std::string name =
      fmt::format("pinfo-attach-{}-{}", pid.value, ReadStartTicks(pid).value_or(0));
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
    if (errno == EADDRINUSE) {
      return Fail(
          fmt::format("another pinfo is attached to process {} already; end it first "
                      "(`pgrep -a pinfo`)",
                      pid.value));
    }
    return FailErrno(fmt::format("locking process {}", pid.value));
  }
  return AttachLock(std::move(fd));
}

}  // namespace

Result<std::vector<AttachLock>> LockProcesses(const std::vector<Pid>& pids) {
  std::vector<AttachLock> locks;
  for (const Pid pid : pids) {
    Result<AttachLock> lock = Lock(pid);
    if (!lock) {
      return tl::unexpected(lock.error());
    }
    locks.push_back(std::move(*lock));
  }
  return locks;
}

}  // namespace pinfo::cli

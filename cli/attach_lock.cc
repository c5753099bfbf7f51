#include "cli/attach_lock.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "collector/process/proc_reader.h"

namespace pinfo::cli {
namespace {

// What is locked: the process alone, or what it will fork too.
enum class Scope { kProcess, kTree };

// nullopt: somebody else has it.
Result<std::optional<AttachLock>> TryLock(Pid pid, Scope scope) {
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) {
    return FailErrno("opening a socket");
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // sun_path[0] == 0 makes the name abstract; the start time tells a reused pid apart.
  const std::string name = fmt::format("pinfo-{}-{}-{}", scope == Scope::kTree ? "tree" : "attach",
                                       pid.value, ReadStartTicks(pid).value_or(0));
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0) {
    return AttachLock(std::move(fd));
  }
  if (errno == EADDRINUSE) {
    return std::nullopt;
  }
  return FailErrno(fmt::format("locking process {}", pid.value));
}

tl::unexpected<Error> Taken(const std::string& what) {
  return Fail(
      fmt::format("another pinfo is attached to {}; end it first (`pgrep -a pinfo`)", what));
}

// Whether nobody else has it; a lock taken to find out is given back at once.
Status CheckFree(Pid pid, Scope scope, const std::string& what) {
  Result<std::optional<AttachLock>> lock = TryLock(pid, scope);
  if (!lock) {
    return tl::unexpected(lock.error());
  }
  return *lock ? Status() : Taken(what);
}

class Locker {
 public:
  // ours: what needs no check, as this pinfo holds it or will.
  Locker(std::vector<Pid> ours, bool with_children)
      : ours_(std::move(ours)), with_children_(with_children) {}

  Status Lock(Pid pid) {
    if (Status status = Take(pid, Scope::kProcess); !status) {
      return status;
    }
    if (Status status = CheckAncestors(pid); !status || !with_children_) {
      return status;
    }
    if (Status status = Take(pid, Scope::kTree); !status) {
      return status;
    }
    return CheckDescendants(pid, pid);
  }
  std::vector<AttachLock> locks() && { return std::move(locks_); }

 private:
  [[nodiscard]] bool IsOurs(Pid pid) const {
    return std::find(ours_.begin(), ours_.end(), pid) != ours_.end();
  }

  Status Take(Pid pid, Scope scope) {
    Result<std::optional<AttachLock>> lock = TryLock(pid, scope);
    if (!lock) {
      return tl::unexpected(lock.error());
    }
    if (!*lock) {
      return Taken(fmt::format("process {} already", pid.value));
    }
    locks_.push_back(std::move(**lock));
    return {};
  }

  Status CheckAncestors(Pid pid) {
    for (Pid above = ParentOf(pid); above.value > 1; above = ParentOf(above)) {
      if (IsOurs(above)) {
        continue;
      }
      Status status = CheckFree(
          above, Scope::kTree,
          fmt::format("process {} and its children, {} among them", above.value, pid.value));
      if (!status) {
        return status;
      }
    }
    return {};
  }

  Status CheckDescendants(Pid pid, Pid root) {
    for (const Pid child : ChildrenOf(pid)) {
      if (IsOurs(child)) {
        continue;
      }
      Status status = CheckFree(child, Scope::kProcess,
                                fmt::format("process {}, which {} has started (--no-children "
                                            "leaves it out)",
                                            child.value, root.value));
      if (!status) {
        return status;
      }
      if (status = CheckDescendants(child, root); !status) {
        return status;
      }
    }
    return {};
  }

  std::vector<Pid> ours_;
  bool with_children_;
  std::vector<AttachLock> locks_;
};

}  // namespace

Result<std::vector<AttachLock>> LockProcesses(const std::vector<Pid>& pids, bool with_children,
                                              const std::vector<Pid>& ours) {
  std::vector<Pid> all_ours = pids;
  all_ours.insert(all_ours.end(), ours.begin(), ours.end());
  Locker locker(std::move(all_ours), with_children);
  for (const Pid pid : pids) {
    if (Status status = locker.Lock(pid); !status) {
      return tl::unexpected(status.error());
    }
  }
  return std::move(locker).locks();
}

}  // namespace pinfo::cli

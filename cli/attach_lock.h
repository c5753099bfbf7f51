// One pinfo a process: two would count every request twice into one database.
#pragma once

#include <vector>

#include "collector/base/ids.h"
#include "collector/base/result.h"
#include "collector/base/unique_fd.h"

namespace pinfo::cli {

// Held as long as it lives, and gone with this process however it ends: an abstract unix socket
// (unix(7)) named after the target, so there is no file to be left behind.
class AttachLock {
 public:
  explicit AttachLock(UniqueFd socket) : socket_(std::move(socket)) {}

 private:
  UniqueFd socket_;
};

// Fails where another pinfo is attached to one of the processes already, to an ancestor with its
// children, or, with_children, to a descendant. `ours`: processes that this one holds already.
Result<std::vector<AttachLock>> LockProcesses(const std::vector<Pid>& pids, bool with_children,
                                              const std::vector<Pid>& ours = {});

}  // namespace pinfo::cli

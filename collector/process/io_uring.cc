#include "collector/process/io_uring.h"

#include <string>

#include "collector/base/read_all.h"
#include "collector/process/proc_files.h"
#include "collector/process/proc_record.h"

namespace pinfo {

uint64_t CountUringOperations(Pid pid) {
  const std::string fds = ProcPath(pid, "fd/");
  uint64_t operations = 0;
  ForEachEntry(fds, [&](std::string_view name) {
    if (ReadLink(fds + std::string(name)) == "anon_inode:[io_uring]") {
      operations += NamedNumber(ReadAll(ProcPath(pid, "fdinfo/") + std::string(name)), "CqTail");
    }
  });
  return operations;
}

}  // namespace pinfo

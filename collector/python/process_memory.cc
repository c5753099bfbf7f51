#include "collector/python/process_memory.h"

#include <cerrno>

#include <sys/uio.h>

namespace pinfo {

bool RemoteMemory::Read(uint64_t address, std::span<std::byte> out) const {
  const iovec local{out.data(), out.size()};
  const iovec remote{reinterpret_cast<void*>(address), out.size()};
  const ssize_t read = process_vm_readv(static_cast<pid_t>(pid_.value), &local, 1, &remote, 1, 0);
  if (read >= 0 && read < static_cast<ssize_t>(out.size())) {
    errno = EFAULT;  // the rest is not mapped
  }
  return read == static_cast<ssize_t>(out.size());
}

}  // namespace pinfo

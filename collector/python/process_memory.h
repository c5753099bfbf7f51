// Memory of another process, read without stopping it. Whatever lies there is believed in nothing:
// readers bound every size themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "collector/base/ids.h"

namespace pinfo {

class ProcessMemory {
 public:
  virtual ~ProcessMemory() = default;

  // Fills out with what lies at address; false where not all of it can be read, errno says why.
  virtual bool Read(uint64_t address, std::span<std::byte> out) const = 0;

  template <typename T>
  [[nodiscard]] std::optional<T> ReadValue(uint64_t address) const {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (!Read(address, std::as_writable_bytes(std::span(&value, 1)))) {
      return std::nullopt;
    }
    return value;
  }
};

// By process_vm_readv(2): needs the right to ptrace the process, but never does.
class RemoteMemory final : public ProcessMemory {
 public:
  explicit RemoteMemory(Pid pid) : pid_(pid) {}
  bool Read(uint64_t address, std::span<std::byte> out) const override;

 private:
  Pid pid_;
};

}  // namespace pinfo

// Copied stack -> program counters, by the unwind tables of the mapped files. Reads nothing but the
// copy and those tables; never loops (the stack pointer must grow with every frame).
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>

#include "collector/stack/address_space.h"
#include "collector/stack/types.h"

namespace pinfo {

inline constexpr size_t kMaxFrames = 512;

// The word at an address of the copied stack; nullopt outside the copy.
inline std::optional<uint64_t> ReadStackWord(const StackCopy& copy, uint64_t address) {
  const uint64_t into = address - copy.registers[PINFO_REGISTER_RSP];
  uint64_t word = 0;
  if (copy.bytes.size() < sizeof(word) || into > copy.bytes.size() - sizeof(word)) {
    return std::nullopt;
  }
  std::memcpy(&word, copy.bytes.data() + into, sizeof(word));
  return word;
}

class LibunwindUnwinder;

// One thread.
class Unwinder {
 public:
  Unwinder();
  ~Unwinder();

  // The frames of a stack, innermost first, and how it ended. Looks up the address of the call, one
  // byte before the return address, for all frames but the first. An address that a signal
  // interrupted is no return address: it is reported plus one, so that the same holds for it.
  // Through code without a table (just-in-time compiled) it follows the frame pointer. A rule that
  // tables cannot hold is evaluated by libunwind.
  UnwoundStack Unwind(const AddressSpace& space, const StackCopy& copy);

  // Steps that libunwind made since construction.
  [[nodiscard]] uint64_t libunwind_steps() const { return libunwind_steps_; }

 private:
  std::unique_ptr<LibunwindUnwinder> libunwind_;
  uint64_t libunwind_steps_ = 0;
};

}  // namespace pinfo

// libunwind over a copied stack: evaluates what the compact tables cannot hold, and is what tests
// compare the table walk with. The only user of libunwind.h. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "collector/stack/address_space.h"
#include "collector/stack/types.h"

namespace pinfo {

using StackRegisters = std::array<uint64_t, PINFO_REGISTER_COUNT>;

class LibunwindUnwinder {
 public:
  LibunwindUnwinder();
  ~LibunwindUnwinder();

  // Turns a frame's registers into its caller's, by the call frame information of the file that is
  // mapped at its pc. interrupted: pc is not a return address. Returns false, and leaves registers
  // as they were, where there is no such information or it leads outside the copy.
  bool Step(const AddressSpace& space, const StackCopy& copy, StackRegisters& registers,
            bool interrupted);

  // The whole stack, as Unwinder::Unwind does it but without frame pointers: it ends, broken and
  // with *no_information set, where a frame's code has no call frame information.
  UnwoundStack Unwind(const AddressSpace& space, const StackCopy& copy,
                      bool* no_information = nullptr);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pinfo

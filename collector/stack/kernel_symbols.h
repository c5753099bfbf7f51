// Names of the running kernel's functions, from /proc/kallsyms (proc(5): address, type, name and
// [module] a line). One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pinfo {

struct KernelFunction {
  std::string name;
  std::string module;  // "[nf_conntrack]"; "[kernel]" for the kernel itself
  uint64_t begin = 0;
  uint64_t end = 0;  // behind its last address
};

// What to look up for the i-th of a stack's addresses: they are return addresses, but for the
// first.
inline uint64_t KernelLookupAddress(std::span<const uint64_t> innermost_first, size_t i) {
  return innermost_first[i] - (i > 0 ? 1 : 0);
}

class KernelSymbols {
 public:
  // Takes the text of a kallsyms file. Lines that are none are passed over; where addresses are
  // hidden (all zero, without CAP_SYSLOG) nothing is known.
  explicit KernelSymbols(std::string_view text);
  static KernelSymbols OfThisMachine();

  // The function that the address lies in. A symbol ends where the next one, of any kind, begins;
  // its size is not told, so what lies far behind the last one of a module is not given to it.
  [[nodiscard]] std::optional<KernelFunction> Find(uint64_t address) const;
  [[nodiscard]] bool empty() const { return symbols_.empty(); }

 private:
  struct Symbol {
    uint64_t address;
    uint32_t name;    // offset in names_
    uint32_t module;  // the same; UINT32_MAX: the kernel
    bool function;
  };
  std::vector<Symbol> symbols_;  // by address
  std::string names_;            // each followed by a zero byte
};

}  // namespace pinfo

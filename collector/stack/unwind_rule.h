// How to step from one frame to its caller at an address: the compact form of a row of the DWARF
// call frame information (DWARF 5, section 6.4), for x86-64. CFA, the canonical frame address, is
// the stack pointer's value just before the call.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "bpf/wire.h"

namespace pinfo {

enum class CfaKind : uint8_t {
  kNone = 0,         // no call frame information covers the address
  kRegister = 1,     // CFA = register + offset
  kDereference = 2,  // CFA = *(register + offset) + addend
  kPlt = 3,          // CFA = rsp + 8, plus 8 from byte `offset` of the 16-byte entry on
  kEndOfStack = 4,   // the return address is undefined: nobody called this frame
  kSignalFrame = 5,  // the kernel's rt_sigframe: a ucontext with all registers at rsp
  kExpression = 6,   // a rule this form cannot hold: libunwind evaluates it
};
inline constexpr uint8_t kCfaKindCount = 7;

enum class SavedKind : uint8_t {
  kSame = 0,        // still in its register
  kAtCfa = 1,       // in memory at CFA + offset
  kAtRegister = 2,  // in memory at register + offset
  kCfaPlus = 3,     // its value is CFA + offset
  kRegister = 4,    // in another register
  kUndefined = 5,   // lost
};
inline constexpr uint8_t kSavedKindCount = 6;

struct SavedRule {
  SavedKind kind = SavedKind::kSame;
  uint8_t reg = 0;
  uint16_t reserved = 0;
  int32_t offset = 0;
  friend bool operator==(const SavedRule&, const SavedRule&) = default;
};

// The registers that survive calls (System V psABI, figure 3.4), and the return address: all that
// is known of a caller's frame. Positions in UnwindRule::saved.
inline constexpr std::array<uint8_t, 7> kSavedRegisters = {3,  PINFO_REGISTER_RBP, 12, 13, 14,
                                                           15, PINFO_REGISTER_RIP};
inline constexpr size_t kSavedReturnAddress = 6;

// Without padding: rules are compared, hashed and stored as bytes.
struct UnwindRule {
  CfaKind cfa = CfaKind::kNone;
  uint8_t cfa_register = 0;
  // Derived by SetChanged. Bit i: saved[i] is not kSame. kPlain: the CFA is a register and an
  // offset, and whatever is not kSame is kAtCfa, as in nearly every rule.
  uint16_t changed = 0;
  int32_t offset = 0;
  int32_t addend = 0;
  std::array<SavedRule, kSavedRegisters.size()> saved{};
  friend bool operator==(const UnwindRule&, const UnwindRule&) = default;

  static constexpr uint16_t kPlain = 0x8000;
  [[nodiscard]] bool is_plain() const { return (changed & kPlain) != 0; }
  [[nodiscard]] uint32_t changed_bits() const { return changed & (kPlain - 1u); }

  void SetChanged() {
    uint32_t bits = 0;
    bool plain = cfa == CfaKind::kRegister && addend == 0;
    for (size_t i = 0; i < saved.size(); ++i) {
      bits |= (saved[i].kind != SavedKind::kSame ? 1u : 0u) << i;
      plain = plain && (saved[i].kind == SavedKind::kSame || saved[i].kind == SavedKind::kAtCfa);
    }
    changed = static_cast<uint16_t>(bits | (plain ? kPlain : 0u));
  }
};
static_assert(std::has_unique_object_representations_v<UnwindRule>);

}  // namespace pinfo

#include "collector/stack/unwinder.h"

#include <array>
#include <bit>
#include <optional>

#include "collector/stack/libunwind_unwinder.h"

namespace pinfo {
namespace {

constexpr uint32_t Bit(size_t position) { return 1u << position; }
constexpr uint32_t kAllKnown = (1u << PINFO_REGISTER_COUNT) - 1;
// What may be known of a caller: the registers that calls preserve, and the pc.
constexpr uint32_t kPreserved = [] {
  uint32_t bits = 0;
  for (const uint8_t reg : kSavedRegisters) {
    bits |= Bit(reg);
  }
  return bits;
}();
// Offset of the general registers in the ucontext_t that the kernel puts on a signal's stack.
constexpr uint64_t kUcontextRegisters = 40;
// Their order there (REG_R8 ... REG_RIP of <sys/ucontext.h>), as DWARF numbers.
constexpr std::array<uint8_t, PINFO_REGISTER_COUNT> kUcontextOrder = {8,
                                                                      9,
                                                                      10,
                                                                      11,
                                                                      12,
                                                                      13,
                                                                      14,
                                                                      15,
                                                                      5,
                                                                      4,
                                                                      PINFO_REGISTER_RBP,
                                                                      3,
                                                                      2,
                                                                      0,
                                                                      1,
                                                                      PINFO_REGISTER_RSP,
                                                                      PINFO_REGISTER_RIP};
// A frame larger than this is no frame but a register that happens to point upwards.
constexpr uint64_t kMaxFramePointerDistance = 1 << 20;
// Room made for at once.
constexpr size_t kUsualFrames = 48;

struct Frame {
  StackRegisters registers{};
  uint32_t known = kAllKnown;  // bit n: register n holds what it held in this frame
  bool interrupted = true;     // pc is where the thread was, not where it will return to

  [[nodiscard]] uint64_t pc() const { return registers[PINFO_REGISTER_RIP]; }
  [[nodiscard]] uint64_t sp() const { return registers[PINFO_REGISTER_RSP]; }
  [[nodiscard]] std::optional<uint64_t> Value(uint8_t reg) const {
    return (known & Bit(reg)) != 0 ? std::optional(registers[reg]) : std::nullopt;
  }
  void Set(uint8_t reg, uint64_t value) {
    registers[reg] = value;
    known |= Bit(reg);
  }
};

enum class Step : uint8_t {
  kCaller,       // the frame is now the caller's
  kEnd,          // there is no caller
  kOutsideCopy,  // the caller lies in memory that was not copied
  kNoRule,       // nothing leads further
};

class StackWalk {
 public:
  StackWalk(const AddressSpace& space, const StackCopy& copy, LibunwindUnwinder& libunwind)
      : space_(space), copy_(copy), libunwind_(libunwind) {
    frame_.registers = copy.registers;
  }

  UnwoundStack Run();
  [[nodiscard]] uint64_t libunwind_steps() const { return libunwind_steps_; }

 private:
  [[nodiscard]] std::optional<uint64_t> ReadWord(uint64_t address) const {
    return ReadStackWord(copy_, address);
  }
  [[nodiscard]] StackEnd EndOutsideCopy() const {
    // A handler's own stack may be all that was copied.
    return copy_.truncated || signal_seen_ ? StackEnd::kTruncated : StackEnd::kBroken;
  }

  Step StepOnce();
  Step StepByRule(const UnwindRule& rule);
  Step StepByPlainRule(const UnwindRule& rule);
  Step StepByFramePointer();
  Step StepThroughSignal();
  Step StepWithLibunwind();
  [[nodiscard]] std::optional<uint64_t> AddressOf(const SavedRule& rule, uint64_t cfa) const;
  [[nodiscard]] std::optional<uint64_t> Restore(const SavedRule& rule, uint8_t reg,
                                                uint64_t cfa) const;

  const AddressSpace& space_;
  const StackCopy& copy_;
  LibunwindUnwinder& libunwind_;
  Frame frame_;
  bool signal_seen_ = false;
  uint64_t libunwind_steps_ = 0;
};

UnwoundStack StackWalk::Run() {
  UnwoundStack stack;
  stack.pcs.reserve(kUsualFrames);
  if (frame_.pc() != 0) {
    stack.pcs.push_back(frame_.pc());
  }
  if (copy_.bytes.empty()) {
    stack.end = StackEnd::kMissing;
    return stack;
  }
  while (stack.pcs.size() < kMaxFrames) {
    switch (StepOnce()) {
      case Step::kCaller:
        stack.pcs.push_back(frame_.interrupted ? frame_.pc() + 1 : frame_.pc());
        continue;
      case Step::kEnd:
        stack.end = StackEnd::kComplete;
        return stack;
      case Step::kOutsideCopy:
        stack.end = EndOutsideCopy();
        return stack;
      case Step::kNoRule:
        stack.end = StackEnd::kBroken;
        return stack;
    }
  }
  stack.end = StackEnd::kTooDeep;
  return stack;
}

Step StackWalk::StepOnce() {
  const CodeLocation at = space_.Find(frame_.interrupted ? frame_.pc() : frame_.pc() - 1);
  if (at.mapping == nullptr) {
    return Step::kNoRule;
  }
  const UnwindRule* rule = at.module == nullptr ? nullptr : at.module->table().Find(at.address);
  if (rule == nullptr) {
    return StepByFramePointer();
  }
  switch (rule->cfa) {
    case CfaKind::kEndOfStack:
      return Step::kEnd;
    case CfaKind::kSignalFrame:
      return StepThroughSignal();
    case CfaKind::kExpression:
      return StepWithLibunwind();
    case CfaKind::kNone:
    case CfaKind::kRegister:
    case CfaKind::kDereference:
    case CfaKind::kPlt:
      break;
  }
  return rule->is_plain() ? StepByPlainRule(*rule) : StepByRule(*rule);
}

// What StepByRule would do, for nearly every frame: everything lies at the CFA, so that each
// register can be replaced at once.
Step StackWalk::StepByPlainRule(const UnwindRule& rule) {
  if ((frame_.known & Bit(rule.cfa_register)) == 0) {
    return Step::kNoRule;
  }
  const uint64_t sp = frame_.sp();
  const uint64_t cfa = frame_.registers[rule.cfa_register] + static_cast<int64_t>(rule.offset);
  if (cfa <= sp) {
    return Step::kNoRule;
  }
  const SavedRule& call = rule.saved[kSavedReturnAddress];
  if (call.kind != SavedKind::kAtCfa) {
    return Step::kNoRule;
  }
  const auto return_address = ReadWord(cfa + static_cast<int64_t>(call.offset));
  if (!return_address) {
    return Step::kOutsideCopy;
  }
  for (uint32_t rest = rule.changed_bits() & (Bit(kSavedReturnAddress) - 1); rest != 0;
       rest &= rest - 1) {
    const int i = std::countr_zero(rest);
    const uint8_t reg = kSavedRegisters[i];
    const uint64_t address = cfa + static_cast<int64_t>(rule.saved[i].offset);
    if (address < sp) {
      continue;  // popped already, see Restore
    }
    const auto word = ReadWord(address);
    frame_.registers[reg] = word.value_or(0);
    frame_.known = word ? frame_.known | Bit(reg) : frame_.known & ~Bit(reg);
  }
  frame_.registers[PINFO_REGISTER_RIP] = *return_address;
  frame_.registers[PINFO_REGISTER_RSP] = cfa;
  frame_.known = (frame_.known & kPreserved) | Bit(PINFO_REGISTER_RSP) | Bit(PINFO_REGISTER_RIP);
  frame_.interrupted = false;
  return *return_address == 0 ? Step::kEnd : Step::kCaller;
}

Step StackWalk::StepByRule(const UnwindRule& rule) {
  const bool plt = rule.cfa == CfaKind::kPlt;
  const auto base = frame_.Value(plt ? PINFO_REGISTER_RSP : rule.cfa_register);
  if (!base) {
    return Step::kNoRule;
  }
  uint64_t cfa = *base + static_cast<int64_t>(rule.offset);
  if (plt) {
    cfa = *base + 8 + ((frame_.pc() & 15) >= static_cast<uint64_t>(rule.offset) ? 8 : 0);
  } else if (rule.cfa == CfaKind::kDereference) {
    const auto word = ReadWord(cfa);
    if (!word) {
      return Step::kOutsideCopy;
    }
    cfa = *word;
  }
  cfa += static_cast<int64_t>(rule.addend);
  if (cfa <= frame_.sp()) {
    return Step::kNoRule;
  }
  // All are read before the first is replaced: rules may lean on other registers.
  std::array<uint64_t, kSavedRegisters.size()> values{};
  uint32_t lost = 0;  // by position
  for (uint32_t rest = rule.changed_bits(); rest != 0; rest &= rest - 1) {
    const int i = std::countr_zero(rest);
    if (const auto value = Restore(rule.saved[i], kSavedRegisters[i], cfa)) {
      values[i] = *value;
    } else {
      lost |= Bit(i);
    }
  }
  if ((lost & Bit(kSavedReturnAddress)) != 0) {
    return Step::kOutsideCopy;
  }
  for (uint32_t rest = rule.changed_bits(); rest != 0; rest &= rest - 1) {
    const int i = std::countr_zero(rest);
    frame_.registers[kSavedRegisters[i]] = values[i];
    frame_.known = (lost & Bit(i)) != 0 ? frame_.known & ~Bit(kSavedRegisters[i])
                                        : frame_.known | Bit(kSavedRegisters[i]);
  }
  frame_.known &= kPreserved;
  frame_.registers[PINFO_REGISTER_RSP] = cfa;
  frame_.known |= Bit(PINFO_REGISTER_RSP);
  frame_.interrupted = false;
  return frame_.pc() == 0 ? Step::kEnd : Step::kCaller;
}

// Where a register was saved; nullopt where it was not saved in memory.
std::optional<uint64_t> StackWalk::AddressOf(const SavedRule& rule, uint64_t cfa) const {
  const auto offset = static_cast<int64_t>(rule.offset);
  if (rule.kind == SavedKind::kAtCfa) {
    return cfa + offset;
  }
  const auto base = frame_.Value(rule.reg);
  return rule.kind == SavedKind::kAtRegister && base ? std::optional(*base + offset) : std::nullopt;
}

// The caller's value of a register, where it can be known.
std::optional<uint64_t> StackWalk::Restore(const SavedRule& rule, uint8_t reg, uint64_t cfa) const {
  switch (rule.kind) {
    case SavedKind::kSame:
      return frame_.Value(reg);
    case SavedKind::kRegister:
      return frame_.Value(rule.reg);
    case SavedKind::kCfaPlus:
      return cfa + static_cast<int64_t>(rule.offset);
    case SavedKind::kUndefined:
      return std::nullopt;
    case SavedKind::kAtCfa:
    case SavedKind::kAtRegister:
      break;
  }
  const auto address = AddressOf(rule, cfa);
  if (!address) {
    return std::nullopt;
  }
  // Below the stack pointer: popped already; compilers leave the rule as it was.
  return *address < frame_.sp() ? frame_.Value(reg) : ReadWord(*address);
}

// rbp points to the caller's rbp, and the return address lies behind it.
Step StackWalk::StepByFramePointer() {
  const auto base = frame_.Value(PINFO_REGISTER_RBP);
  if (!base || *base < frame_.sp() || *base - frame_.sp() > kMaxFramePointerDistance ||
      *base % sizeof(uint64_t) != 0) {
    return Step::kNoRule;
  }
  const auto saved = ReadWord(*base);
  const auto return_address = ReadWord(*base + sizeof(uint64_t));
  if (!saved || !return_address) {
    return Step::kOutsideCopy;
  }
  frame_ = {.registers = {}, .known = 0, .interrupted = false};
  frame_.Set(PINFO_REGISTER_RBP, *saved);
  frame_.Set(PINFO_REGISTER_RSP, *base + 2 * sizeof(uint64_t));
  frame_.Set(PINFO_REGISTER_RIP, *return_address);
  if (*return_address == 0) {
    return Step::kEnd;
  }
  // Nobody vouches for a frame pointer: what it leads to must at least be code.
  return space_.Find(*return_address - 1).mapping == nullptr ? Step::kNoRule : Step::kCaller;
}

// Through the frame that the kernel made for a signal handler: every register comes back.
Step StackWalk::StepThroughSignal() {
  Frame interrupted;
  for (size_t i = 0; i < kUcontextOrder.size(); ++i) {
    const auto word = ReadWord(frame_.sp() + kUcontextRegisters + i * sizeof(uint64_t));
    if (!word) {
      return Step::kOutsideCopy;
    }
    interrupted.registers[kUcontextOrder[i]] = *word;
  }
  // On the same stack it must have grown; another stack is outside the copy and ends the walk.
  const bool in_copy = ReadWord(interrupted.sp()).has_value();
  if (in_copy && interrupted.sp() <= frame_.sp()) {
    return Step::kNoRule;
  }
  signal_seen_ = true;
  frame_ = interrupted;
  return Step::kCaller;
}

Step StackWalk::StepWithLibunwind() {
  ++libunwind_steps_;
  const uint64_t sp = frame_.sp();
  if (!libunwind_.Step(space_, copy_, frame_.registers, frame_.interrupted) || frame_.sp() <= sp) {
    return Step::kNoRule;
  }
  frame_.known = kPreserved | Bit(PINFO_REGISTER_RSP);
  frame_.interrupted = false;
  return frame_.pc() == 0 ? Step::kEnd : Step::kCaller;
}

}  // namespace

Unwinder::Unwinder() : libunwind_(std::make_unique<LibunwindUnwinder>()) {}
Unwinder::~Unwinder() = default;

UnwoundStack Unwinder::Unwind(const AddressSpace& space, const StackCopy& copy) {
  StackWalk walk(space, copy, *libunwind_);
  UnwoundStack stack = walk.Run();
  libunwind_steps_ += walk.libunwind_steps();
  return stack;
}

}  // namespace pinfo

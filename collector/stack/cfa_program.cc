#include "collector/stack/cfa_program.h"

#include <limits>

#include "collector/stack/byte_reader.h"

namespace pinfo {
namespace {

// DW_CFA_* (DWARF 5, table 7.29, and the GNU extensions of the Linux Standard Base).
enum CfaOp : uint8_t {
  kNop = 0x00,
  kSetLoc = 0x01,
  kAdvanceLoc1 = 0x02,
  kAdvanceLoc2 = 0x03,
  kAdvanceLoc4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefinedOp = 0x07,
  kSameValue = 0x08,
  kRegisterOp = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefCfa = 0x0c,
  kDefCfaRegister = 0x0d,
  kDefCfaOffset = 0x0e,
  kDefCfaExpression = 0x0f,
  kExpressionOp = 0x10,
  kOffsetExtendedSf = 0x11,
  kDefCfaSf = 0x12,
  kDefCfaOffsetSf = 0x13,
  kValOffset = 0x14,
  kValOffsetSf = 0x15,
  kValExpression = 0x16,
  kGnuArgsSize = 0x2e,
  kGnuNegativeOffsetExtended = 0x2f,
  // The upper two bits; the lower six are the operand.
  kAdvanceLoc = 0x40,
  kOffset = 0x80,
  kRestore = 0xc0,
};

// DW_OP_* that occur in the expressions a compact rule can hold.
constexpr uint8_t kOpDereference = 0x06;
constexpr uint8_t kOpAnd = 0x1a;
constexpr uint8_t kOpPlus = 0x22;
constexpr uint8_t kOpPlusConstant = 0x23;
constexpr uint8_t kOpShiftLeft = 0x24;
constexpr uint8_t kOpGreaterOrEqual = 0x2a;
constexpr uint8_t kOpLiteral0 = 0x30;
constexpr uint8_t kOpBaseRegister0 = 0x70;
constexpr uint8_t kOpBaseRegister31 = 0x8f;

// Where the kernel keeps rip in the ucontext at rsp: offsetof(ucontext_t, uc_mcontext.gregs) is 40,
// REG_RIP 16.
constexpr int64_t kSignalFrameRip = 168;

constexpr size_t kMaxRememberedStates = 64;

// An expression of the form *(register + offset) + addend, or without the dereference.
struct SimpleExpression {
  uint8_t reg = 0;
  int64_t offset = 0;
  bool dereference = false;
  int64_t addend = 0;
};

std::optional<SimpleExpression> ParseSimple(std::span<const std::byte> expression) {
  ByteReader reader(expression);
  const auto base = reader.Read<uint8_t>();
  if (base < kOpBaseRegister0 || base > kOpBaseRegister31) {
    return std::nullopt;
  }
  SimpleExpression simple;
  simple.reg = static_cast<uint8_t>(base - kOpBaseRegister0);
  simple.offset = reader.Sleb();
  if (!reader.AtEnd()) {
    simple.dereference = reader.Read<uint8_t>() == kOpDereference;
    if (!simple.dereference) {
      return std::nullopt;
    }
  }
  if (!reader.AtEnd()) {
    if (reader.Read<uint8_t>() != kOpPlusConstant) {
      return std::nullopt;
    }
    simple.addend = static_cast<int64_t>(reader.Uleb());
  }
  if (!reader.ok() || !reader.AtEnd() || simple.reg >= PINFO_REGISTER_COUNT) {
    return std::nullopt;
  }
  return simple;
}

// rsp + 8 + (((rip & 15) >= N) << 3), which linkers write for .plt; returns N.
std::optional<uint8_t> ParsePlt(std::span<const std::byte> expression) {
  constexpr uint8_t kRsp = kOpBaseRegister0 + PINFO_REGISTER_RSP;
  constexpr uint8_t kRip = kOpBaseRegister0 + PINFO_REGISTER_RIP;
  constexpr std::array<uint8_t, 7> kHead = {kRsp,   8,          kRip, 0, kOpLiteral0 + 15,
                                            kOpAnd, kOpLiteral0};
  constexpr std::array<uint8_t, 4> kTail = {kOpGreaterOrEqual, kOpLiteral0 + 3, kOpShiftLeft,
                                            kOpPlus};
  if (expression.size() != kHead.size() + kTail.size()) {
    return std::nullopt;
  }
  const auto byte = [&](size_t i) { return std::to_integer<uint8_t>(expression[i]); };
  const auto threshold = static_cast<uint8_t>(byte(kHead.size() - 1) - kOpLiteral0);
  for (size_t i = 0; i + 1 < kHead.size(); ++i) {
    if (byte(i) != kHead[i]) {
      return std::nullopt;
    }
  }
  for (size_t i = 0; i < kTail.size(); ++i) {
    if (byte(kHead.size() + i) != kTail[i]) {
      return std::nullopt;
    }
  }
  return threshold < 16 ? std::optional(threshold) : std::nullopt;
}

bool FitsOffset(int64_t value) {
  return value >= std::numeric_limits<int32_t>::min() &&
         value <= std::numeric_limits<int32_t>::max();
}

// A register's rule while a program runs; kExpression is what a SavedRule cannot hold.
struct RegisterState {
  enum class Kind : uint8_t { kUnset, kSaved, kExpression } kind = Kind::kUnset;
  SavedRule rule;
};

// DWARF numbers wrap where a program is hostile; nothing here may overflow.
int64_t Multiply(uint64_t a, int64_t b) {
  return static_cast<int64_t>(a * static_cast<uint64_t>(b));
}

}  // namespace

struct CfaInterpreter::State {
  enum class Cfa : uint8_t { kUnset, kRegister, kExpression } cfa = Cfa::kUnset;
  uint64_t cfa_register = 0;
  int64_t cfa_offset = 0;
  std::span<const std::byte> cfa_expression;
  std::array<RegisterState, PINFO_REGISTER_COUNT> registers{};

  void Set(uint64_t reg, SavedKind kind, int64_t offset, uint64_t other = 0) {
    if (reg >= registers.size()) {
      return;  // vector and segment registers play no part in unwinding
    }
    RegisterState& state = registers[reg];
    if (!FitsOffset(offset) || other >= PINFO_REGISTER_COUNT) {
      state = {RegisterState::Kind::kExpression, {}};
      return;
    }
    state = {RegisterState::Kind::kSaved,
             {kind, static_cast<uint8_t>(other), 0, static_cast<int32_t>(offset)}};
  }

  void SetExpression(uint64_t reg, std::span<const std::byte> expression, bool is_value) {
    const auto simple = ParseSimple(expression);
    if (simple && !simple->dereference && !is_value) {
      Set(reg, SavedKind::kAtRegister, simple->offset, simple->reg);
    } else if (reg < registers.size()) {
      registers[reg] = {RegisterState::Kind::kExpression, {}};
    }
  }

  [[nodiscard]] UnwindRule ToRule(const FrameCie& cie) const;
  void SetCfaOf(UnwindRule& rule) const;
};

void CfaInterpreter::State::SetCfaOf(UnwindRule& rule) const {
  rule.cfa = CfaKind::kExpression;
  if (cfa == Cfa::kRegister && cfa_register < PINFO_REGISTER_COUNT && FitsOffset(cfa_offset)) {
    rule.cfa = CfaKind::kRegister;
    rule.cfa_register = static_cast<uint8_t>(cfa_register);
    rule.offset = static_cast<int32_t>(cfa_offset);
    return;
  }
  if (cfa != Cfa::kExpression) {
    return;
  }
  if (const auto threshold = ParsePlt(cfa_expression)) {
    rule.cfa = CfaKind::kPlt;
    rule.offset = *threshold;
  } else if (const auto simple = ParseSimple(cfa_expression);
             simple && FitsOffset(simple->offset) && FitsOffset(simple->addend)) {
    rule.cfa = simple->dereference ? CfaKind::kDereference : CfaKind::kRegister;
    rule.cfa_register = simple->reg;
    rule.offset = static_cast<int32_t>(simple->offset);
    rule.addend = static_cast<int32_t>(simple->addend);
  }
}

UnwindRule CfaInterpreter::State::ToRule(const FrameCie& cie) const {
  const RegisterState& return_address = registers[PINFO_REGISTER_RIP];
  if (cfa == Cfa::kUnset || cie.return_register != PINFO_REGISTER_RIP ||
      return_address.kind == RegisterState::Kind::kUnset) {
    return {};
  }
  if (return_address.kind == RegisterState::Kind::kSaved &&
      return_address.rule.kind == SavedKind::kUndefined) {
    return {.cfa = CfaKind::kEndOfStack};
  }
  if (cie.signal_frame &&
      return_address.rule ==
          SavedRule{SavedKind::kAtRegister, PINFO_REGISTER_RSP, 0, kSignalFrameRip}) {
    return {.cfa = CfaKind::kSignalFrame};
  }
  UnwindRule rule;
  SetCfaOf(rule);
  for (size_t i = 0; i < kSavedRegisters.size(); ++i) {
    const RegisterState& state = registers[kSavedRegisters[i]];
    if (state.kind == RegisterState::Kind::kExpression || cie.signal_frame) {
      rule.cfa = CfaKind::kExpression;
    }
    rule.saved[i] = state.rule;
  }
  rule.SetChanged();
  return rule.cfa == CfaKind::kExpression ? UnwindRule{.cfa = CfaKind::kExpression} : rule;
}

struct CfaInterpreter::Impl {
  // Runs one program from state; emits where sink is set. Returns whether it ran to its end.
  bool Run(std::span<const std::byte> program, uint64_t program_address, const FrameCie& cie,
           const RowSink* sink);
  bool RunExtended(uint8_t op, ByteReader& reader, uint64_t program_address, const FrameCie& cie,
                   const RowSink* sink);
  bool RunRegisterOp(uint8_t op, ByteReader& reader, const FrameCie& cie);
  bool RunCfaOp(uint8_t op, ByteReader& reader, const FrameCie& cie);
  bool Advance(uint64_t new_location, const RowSink* sink, const FrameCie& cie);
  void Restore(uint64_t reg) {
    if (reg < state.registers.size()) {
      state.registers[reg] = initial.registers[reg];
    }
  }

  State state;
  State initial;  // after the CIE's program
  std::shared_ptr<const FrameCie> initial_of;
  bool initial_ok = false;
  std::vector<State> remembered;
  uint64_t location = 0;
  uint64_t end = 0;
};

bool CfaInterpreter::Impl::Advance(uint64_t new_location, const RowSink* sink,
                                   const FrameCie& cie) {
  if (sink == nullptr || new_location < location) {
    return false;  // a CIE has no location; locations only grow
  }
  if (new_location > location) {
    (*sink)(location, state.ToRule(cie));
    location = new_location;
  }
  return true;
}

bool CfaInterpreter::Impl::Run(std::span<const std::byte> program, uint64_t program_address,
                               const FrameCie& cie, const RowSink* sink) {
  ByteReader reader(program);
  while (!reader.AtEnd()) {
    if (sink != nullptr && location >= end) {
      return true;
    }
    const auto op = reader.Read<uint8_t>();
    const auto operand = static_cast<uint8_t>(op & 0x3f);
    bool ok = true;
    switch (op & 0xc0) {
      case kAdvanceLoc:
        ok = Advance(location + operand * cie.code_alignment, sink, cie);
        break;
      case kOffset:
        state.Set(operand, SavedKind::kAtCfa, Multiply(reader.Uleb(), cie.data_alignment));
        break;
      case kRestore:
        Restore(operand);
        break;
      default:
        ok = RunExtended(op, reader, program_address, cie, sink);
    }
    if (!ok || !reader.ok()) {
      return false;
    }
  }
  return true;
}

bool CfaInterpreter::Impl::RunExtended(uint8_t op, ByteReader& reader, uint64_t program_address,
                                       const FrameCie& cie, const RowSink* sink) {
  switch (op) {
    case kNop:
      return true;
    case kSetLoc: {
      const auto to = ReadEncodedPointer(reader, cie.pointer_encoding, program_address);
      return to && Advance(*to, sink, cie);
    }
    case kAdvanceLoc1:
      return Advance(location + reader.Read<uint8_t>() * cie.code_alignment, sink, cie);
    case kAdvanceLoc2:
      return Advance(location + reader.Read<uint16_t>() * cie.code_alignment, sink, cie);
    case kAdvanceLoc4:
      return Advance(location + reader.Read<uint32_t>() * cie.code_alignment, sink, cie);
    case kRememberState:
      if (remembered.size() == kMaxRememberedStates) {
        return false;
      }
      remembered.push_back(state);
      return true;
    case kRestoreState:
      if (remembered.empty()) {
        return false;
      }
      state = remembered.back();
      remembered.pop_back();
      return true;
    case kGnuArgsSize:
      reader.Uleb();
      return true;
    default:
      return RunRegisterOp(op, reader, cie) || RunCfaOp(op, reader, cie);
  }
}

// False where op is none of these.
bool CfaInterpreter::Impl::RunRegisterOp(uint8_t op, ByteReader& reader, const FrameCie& cie) {
  if (op != kOffsetExtended && op != kRestoreExtended && op != kUndefinedOp && op != kSameValue &&
      op != kRegisterOp && op != kExpressionOp && op != kOffsetExtendedSf && op != kValOffset &&
      op != kValOffsetSf && op != kValExpression && op != kGnuNegativeOffsetExtended) {
    return false;
  }
  const uint64_t reg = reader.Uleb();
  const auto scaled = [&] { return Multiply(reader.Uleb(), cie.data_alignment); };
  const auto scaled_signed = [&] {
    return Multiply(static_cast<uint64_t>(reader.Sleb()), cie.data_alignment);
  };
  switch (op) {
    case kOffsetExtended:
      state.Set(reg, SavedKind::kAtCfa, scaled());
      break;
    case kOffsetExtendedSf:
      state.Set(reg, SavedKind::kAtCfa, scaled_signed());
      break;
    case kGnuNegativeOffsetExtended:
      state.Set(reg, SavedKind::kAtCfa, Multiply(~reader.Uleb() + 1, cie.data_alignment));
      break;
    case kValOffset:
      state.Set(reg, SavedKind::kCfaPlus, scaled());
      break;
    case kValOffsetSf:
      state.Set(reg, SavedKind::kCfaPlus, scaled_signed());
      break;
    case kRestoreExtended:
      Restore(reg);
      break;
    case kUndefinedOp:
      state.Set(reg, SavedKind::kUndefined, 0);
      break;
    case kSameValue:
      state.Set(reg, SavedKind::kSame, 0);
      break;
    case kRegisterOp:
      state.Set(reg, SavedKind::kRegister, 0, reader.Uleb());
      break;
    default:
      state.SetExpression(reg, reader.Bytes(reader.Uleb()), op == kValExpression);
  }
  return true;
}

bool CfaInterpreter::Impl::RunCfaOp(uint8_t op, ByteReader& reader, const FrameCie& cie) {
  switch (op) {
    case kDefCfa:
      state.cfa = State::Cfa::kRegister;
      state.cfa_register = reader.Uleb();
      state.cfa_offset = static_cast<int64_t>(reader.Uleb());
      return true;
    case kDefCfaSf:
      state.cfa = State::Cfa::kRegister;
      state.cfa_register = reader.Uleb();
      state.cfa_offset = Multiply(static_cast<uint64_t>(reader.Sleb()), cie.data_alignment);
      return true;
    case kDefCfaRegister:
      state.cfa_register = reader.Uleb();
      return state.cfa == State::Cfa::kRegister;
    case kDefCfaOffset:
      state.cfa_offset = static_cast<int64_t>(reader.Uleb());
      return state.cfa == State::Cfa::kRegister;
    case kDefCfaOffsetSf:
      state.cfa_offset = Multiply(static_cast<uint64_t>(reader.Sleb()), cie.data_alignment);
      return state.cfa == State::Cfa::kRegister;
    case kDefCfaExpression:
      state.cfa = State::Cfa::kExpression;
      state.cfa_expression = reader.Bytes(reader.Uleb());
      return true;
    default:
      return false;
  }
}

CfaInterpreter::CfaInterpreter() : impl_(std::make_unique<Impl>()) {}
CfaInterpreter::~CfaInterpreter() = default;

void CfaInterpreter::Run(const FrameFde& fde, const RowSink& sink) {
  const FrameCie& cie = *fde.cie;
  Impl& run = *impl_;
  if (run.initial_of != fde.cie) {
    run.state = State();
    run.remembered.clear();
    run.initial_ok = run.Run(cie.program, 0, cie, nullptr);
    run.initial = run.state;
    run.initial_of = fde.cie;
  }
  run.state = run.initial;
  run.remembered.clear();
  run.location = fde.start;
  run.end = fde.end;
  const bool ok = run.initial_ok && run.Run(fde.program, fde.program_address, cie, &sink);
  if (run.location < fde.end) {
    sink(run.location, ok ? run.state.ToRule(cie) : UnwindRule());
  }
}

}  // namespace pinfo

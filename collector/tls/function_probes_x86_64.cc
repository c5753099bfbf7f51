#include <algorithm>
#include <array>
#include <optional>

#include <Zydis/Zydis.h>
#include <fmt/format.h>

#include "collector/tls/function_probes.h"

namespace pinfo {
namespace {

// A probe is not moved further than this many instructions.
constexpr size_t kMovedMax = 16;
// More than any of these functions has on its stack; fits a probe's cookie.
constexpr int64_t kStackBytesMax = 1 << 20;

// The registers of arguments that are looked at: System V ABI, AMD64 supplement, 3.2.3.
constexpr std::array kArgumentRegisters = {ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI,
                                           ZYDIS_REGISTER_RDX, ZYDIS_REGISTER_RCX,
                                           ZYDIS_REGISTER_R8};

struct Instruction {
  uint64_t offset = 0;
  ZydisDecodedInstruction decoded{};
  std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands{};
  std::optional<int64_t> target;  // of a jump or call to a fixed place
  bool jumped_to = false;         // from within the function

  [[nodiscard]] std::span<const ZydisDecodedOperand> Operands() const {
    return std::span(operands).first(decoded.operand_count);
  }
  [[nodiscard]] bool Is(ZydisInstructionCategory category) const {
    return decoded.meta.category == category;
  }
  [[nodiscard]] bool IsJump() const {
    return Is(ZYDIS_CATEGORY_UNCOND_BR) || Is(ZYDIS_CATEGORY_COND_BR);
  }
};

ZydisRegister Whole(ZydisRegister part) {
  return ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, part);
}

bool Writes(const Instruction& instruction, ZydisRegister whole) {
  const auto operands = instruction.Operands();
  return std::any_of(operands.begin(), operands.end(), [whole](const ZydisDecodedOperand& each) {
    return each.type == ZYDIS_OPERAND_TYPE_REGISTER &&
           (each.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0 && Whole(each.reg.value) == whole;
  });
}

bool WritesMemory(const Instruction& instruction) {
  const auto operands = instruction.Operands();
  return std::any_of(operands.begin(), operands.end(), [](const ZydisDecodedOperand& each) {
    return each.type == ZYDIS_OPERAND_TYPE_MEMORY &&
           (each.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) != 0;
  });
}

bool HasOperandSizePrefix(const Instruction& instruction) {
  return (instruction.decoded.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) != 0;
}

// A near jump on a condition, jrcxz and loop excepted.
bool IsEmulatedBranch(const Instruction& instruction) {
  const uint8_t opcode = instruction.decoded.opcode & 0xf0;
  return instruction.Is(ZYDIS_CATEGORY_COND_BR) && !HasOperandSizePrefix(instruction) &&
         ((instruction.decoded.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && opcode == 0x70) ||
          (instruction.decoded.opcode_map == ZYDIS_OPCODE_MAP_0F && opcode == 0x80));
}

bool IsEmulated(const Instruction& instruction) {
  const bool one_byte_opcode = instruction.decoded.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT;
  const bool push = one_byte_opcode && instruction.decoded.mnemonic == ZYDIS_MNEMONIC_PUSH &&
                    (instruction.decoded.opcode & 0xf8) == 0x50 &&
                    !HasOperandSizePrefix(instruction);
  const bool nop = one_byte_opcode && instruction.decoded.mnemonic == ZYDIS_MNEMONIC_NOP &&
                   instruction.decoded.opcode == 0x90 && instruction.decoded.length == 1;
  return push || nop || IsEmulatedBranch(instruction);
}

// By how many bytes the instruction lowers the stack pointer; nullopt: that is not known.
std::optional<int64_t> LowersStack(const Instruction& instruction) {
  if (!Writes(instruction, ZYDIS_REGISTER_RSP)) {
    return 0;
  }
  const auto operands = instruction.Operands();
  switch (instruction.decoded.mnemonic) {
    case ZYDIS_MNEMONIC_PUSH:
      return instruction.decoded.operand_width / 8;
    case ZYDIS_MNEMONIC_POP:
      return operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                     Whole(operands[0].reg.value) == ZYDIS_REGISTER_RSP
                 ? std::nullopt
                 : std::optional<int64_t>(-(instruction.decoded.operand_width / 8));
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_ADD: {
      if (operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
          operands[0].reg.value != ZYDIS_REGISTER_RSP ||
          operands[1].type != ZYDIS_OPERAND_TYPE_IMMEDIATE ||
          operands[1].imm.value.s > kStackBytesMax || operands[1].imm.value.s < -kStackBytesMax) {
        return std::nullopt;
      }
      const int64_t bytes = operands[1].imm.value.s;
      return instruction.decoded.mnemonic == ZYDIS_MNEMONIC_SUB ? bytes : -bytes;
    }
    default:
      return std::nullopt;
  }
}

bool GoesStraightOn(const Instruction& instruction) {
  return !instruction.IsJump() && !instruction.Is(ZYDIS_CATEGORY_CALL) &&
         !instruction.Is(ZYDIS_CATEGORY_RET) && !instruction.Is(ZYDIS_CATEGORY_SYSCALL) &&
         !instruction.Is(ZYDIS_CATEGORY_INTERRUPT);
}

// The first emulated instruction of those that every call executes once, before it changes an
// argument.
ProbePlace EntryPlace(const std::vector<Instruction>& code) {
  int64_t stack = 0;
  for (size_t i = 0; i < code.size() && i < kMovedMax; ++i) {
    const Instruction& here = code[i];
    if (here.jumped_to) {
      break;
    }
    if (IsEmulated(here)) {
      return {.offset = here.offset, .stack_bytes = static_cast<uint32_t>(stack)};
    }
    const std::optional<int64_t> lowers = LowersStack(here);
    if (!GoesStraightOn(here) || !lowers ||
        std::any_of(kArgumentRegisters.begin(), kArgumentRegisters.end(),
                    [&here](ZydisRegister each) { return Writes(here, each); })) {
      break;
    }
    stack += *lowers;
    if (stack < 0 || stack > kStackBytesMax) {
      break;
    }
  }
  return {};
}

// Whether nothing comes back from there: a call behind which the function has no code.
bool NeverReturns(const std::vector<Instruction>& code, int64_t target) {
  const auto at = std::find_if(code.begin(), code.end(), [target](const Instruction& each) {
    return static_cast<int64_t>(each.offset) == target;
  });
  return at != code.end() && at->Is(ZYDIS_CATEGORY_CALL) &&
         std::all_of(std::next(at), code.end(), [](const Instruction& each) {
           return !each.jumped_to && each.decoded.mnemonic == ZYDIS_MNEMONIC_NOP;
         });
}

// A conditional jump right before the return at code[index] that is taken only to give up (the
// stack protector's), with nothing between them that changes the result or could be jumped to.
ProbePlace ReturnPlace(const std::vector<Instruction>& code, size_t index) {
  const ProbePlace at_return = {.offset = code[index].offset};
  int64_t stack = 0;
  for (size_t i = index; i > 0 && index - i < kMovedMax; --i) {
    if (code[i].jumped_to) {
      return at_return;
    }
    const Instruction& before = code[i - 1];
    if (IsEmulatedBranch(before)) {
      return before.target && NeverReturns(code, *before.target)
                 ? ProbePlace{.offset = before.offset, .stack_bytes = static_cast<uint32_t>(stack)}
                 : at_return;
    }
    const std::optional<int64_t> lowers = LowersStack(before);
    if (!GoesStraightOn(before) || !lowers || WritesMemory(before) ||
        Writes(before, ZYDIS_REGISTER_RAX)) {
      return at_return;
    }
    stack -= *lowers;
    if (stack < 0 || stack > kStackBytesMax) {
      return at_return;
    }
  }
  return at_return;
}

Result<std::vector<Instruction>> Decode(std::span<const std::byte> code) {
  ZydisDecoder decoder;
  if (!ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64))) {
    return Fail("the instruction decoder does not work");
  }
  std::vector<Instruction> instructions;
  for (size_t at = 0; at < code.size();) {
    Instruction& next = instructions.emplace_back();
    next.offset = at;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code.data() + at, code.size() - at,
                                             &next.decoded, next.operands.data()))) {
      return Fail(fmt::format("no instruction at +{:#x}", at));
    }
    const auto& immediate = next.decoded.raw.imm[0];
    if ((next.IsJump() || next.Is(ZYDIS_CATEGORY_CALL)) && immediate.is_relative == ZYAN_TRUE) {
      next.target = static_cast<int64_t>(at + next.decoded.length) + immediate.value.s;
    } else if (next.IsJump()) {
      return Fail(fmt::format("a jump to a computed place at +{:#x}", at));
    }
    at += next.decoded.length;
  }
  return instructions;
}

}  // namespace

Result<FunctionProbes> FindFunctionProbes(std::span<const std::byte> code) {
  Result<std::vector<Instruction>> decoded = Decode(code);
  if (!decoded) {
    return tl::unexpected(decoded.error());
  }
  std::vector<Instruction>& instructions = *decoded;
  FunctionProbes probes;
  for (const Instruction& jump : instructions) {
    if (!jump.IsJump()) {
      continue;
    }
    if (*jump.target < 0 || static_cast<uint64_t>(*jump.target) >= code.size()) {
      probes.jumps_out.push_back(*jump.target);
      continue;
    }
    const auto to = std::lower_bound(
        instructions.begin(), instructions.end(), static_cast<uint64_t>(*jump.target),
        [](const Instruction& each, uint64_t offset) { return each.offset < offset; });
    // All agreeing on where instructions begin is what makes reading straight on trustworthy.
    if (to == instructions.end() || to->offset != static_cast<uint64_t>(*jump.target)) {
      return Fail(fmt::format("a jump into the middle of an instruction, to +{:#x}", *jump.target));
    }
    to->jumped_to = true;
  }
  probes.entry = EntryPlace(instructions);
  for (size_t i = 0; i < instructions.size(); ++i) {
    if (instructions[i].Is(ZYDIS_CATEGORY_RET)) {
      probes.returns.push_back(ReturnPlace(instructions, i));
    }
  }
  return probes;
}

}  // namespace pinfo

#include <algorithm>

#include <Zydis/Zydis.h>
#include <fmt/format.h>

#include "collector/tls/return_scan.h"

namespace pinfo {
namespace {

bool IsJump(const ZydisDecodedInstruction& instruction) {
  return instruction.meta.category == ZYDIS_CATEGORY_UNCOND_BR ||
         instruction.meta.category == ZYDIS_CATEGORY_COND_BR;
}

}  // namespace

Result<FunctionExits> FindFunctionExits(std::span<const std::byte> code) {
  ZydisDecoder decoder;
  if (!ZYAN_SUCCESS(
          ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64))) {
    return Fail("the instruction decoder does not work");
  }
  FunctionExits exits;
  std::vector<bool> starts(code.size(), false);
  std::vector<uint64_t> targets;
  for (size_t at = 0; at < code.size();) {
    ZydisDecodedInstruction instruction;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, nullptr, code.data() + at,
                                                    code.size() - at, &instruction))) {
      return Fail(fmt::format("no instruction at +{:#x}", at));
    }
    starts[at] = true;
    if (instruction.meta.category == ZYDIS_CATEGORY_RET) {
      exits.returns.push_back(at);
    } else if (IsJump(instruction)) {
      const auto& immediate = instruction.raw.imm[0];
      if (immediate.is_relative == ZYAN_FALSE) {
        return Fail(fmt::format("a jump to a computed place at +{:#x}", at));
      }
      const auto target = static_cast<int64_t>(at + instruction.length) + immediate.value.s;
      if (target >= 0 && static_cast<uint64_t>(target) < code.size()) {
        targets.push_back(static_cast<uint64_t>(target));
      } else {
        exits.jumps_out.push_back(target);
      }
    }
    at += instruction.length;
  }
  // All agreeing on where instructions begin is what makes reading straight on trustworthy.
  const auto astray =
      std::find_if(targets.begin(), targets.end(), [&](uint64_t to) { return !starts[to]; });
  if (astray != targets.end()) {
    return Fail(fmt::format("a jump into the middle of an instruction, to +{:#x}", *astray));
  }
  return exits;
}

}  // namespace pinfo

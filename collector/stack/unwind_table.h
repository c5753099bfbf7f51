// The unwind rules of one ELF file, sorted by address: six bytes a row and a dictionary of the
// distinct rules (Debian's libraries have a few hundred). A plain value; Find is const and may be
// called from several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "collector/stack/elf_file.h"
#include "collector/stack/unwind_rule.h"

namespace pinfo {

class UnwindTable {
 public:
  // From .eh_frame and .debug_frame; where both describe an address .eh_frame stands. A file
  // without either gives an empty table.
  static UnwindTable Build(const ElfFile& file);

  // nullopt where bytes are not what ToBytes wrote, whole and undamaged, for the same key.
  static std::optional<UnwindTable> FromBytes(std::span<const std::byte> bytes, uint64_t key);
  // A header (magic "pinfoUT1", key, base address, counts of rows and rules, CRC-32 of the rest),
  // then the rules, the rows' addresses and the rows' rule numbers, as they are in memory. key
  // tells this file's contents from others'.
  [[nodiscard]] std::vector<std::byte> ToBytes(uint64_t key) const;

  // The rule at an address of the ELF file; nullptr where nothing covers it.
  [[nodiscard]] const UnwindRule* Find(uint64_t address) const;

  [[nodiscard]] bool empty() const { return starts_.empty(); }
  [[nodiscard]] size_t row_count() const { return starts_.size(); }
  [[nodiscard]] const std::vector<UnwindRule>& rules() const { return rules_; }
  // Rows whose rule is of this kind.
  [[nodiscard]] size_t CountRows(CfaKind kind) const;

 private:
  class Builder;

  uint64_t base_ = 0;             // address of the first row
  std::vector<uint32_t> starts_;  // ascending, relative to base_
  std::vector<uint16_t> rule_of_row_;
  std::vector<UnwindRule> rules_;
};

}  // namespace pinfo

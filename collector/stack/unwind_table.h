// The unwind rules of one ELF file, sorted by address: six bytes a row and a dictionary of the
// distinct rules (Debian's libraries have a few hundred). A plain value; Find is const and may be
// called from several threads.
#pragma once

#include <algorithm>
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
  // without either gives an empty table. debug_file, where there is one, is the separate debug file
  // of file: stripping moves .debug_frame there.
  static UnwindTable Build(const ElfFile& file, const ElfFile* debug_file = nullptr);

  // nullopt where bytes are not what ToBytes wrote, whole and undamaged, for the same key.
  static std::optional<UnwindTable> FromBytes(std::span<const std::byte> bytes, uint64_t key);
  // A header (magic "pinfoUT2", key, base address, counts of rows and rules, CRC-32 of the rest),
  // then the rules, the rows' addresses and the rows' rule numbers, as they are in memory. key
  // tells this file's contents from others'.
  [[nodiscard]] std::vector<std::byte> ToBytes(uint64_t key) const;

  // The rule at an address of the ELF file; nullptr where nothing covers it.
  [[nodiscard]] const UnwindRule* Find(uint64_t address) const {
    const uint64_t offset = address - base_;
    if (starts_.empty() || address < base_ || offset > UINT32_MAX) {
      return nullptr;
    }
    // Behind the last row's page lies what the last row covers.
    const size_t page = std::min<size_t>(offset >> page_shift_, first_row_.size() - 2);
    size_t next = first_row_[page];
    const size_t end = first_row_[page + 1];
    if (end - next > kMostRowsPassed) {
      next = std::upper_bound(starts_.begin() + next, starts_.begin() + end, offset) -
             starts_.begin();
    }
    while (next < end && starts_[next] <= offset) {
      ++next;
    }
    if (next == 0) {
      return nullptr;
    }
    const UnwindRule& rule = rules_[rule_of_row_[next - 1]];
    return rule.cfa == CfaKind::kNone ? nullptr : &rule;
  }

  [[nodiscard]] bool empty() const { return starts_.empty(); }
  [[nodiscard]] size_t row_count() const { return starts_.size(); }
  [[nodiscard]] const std::vector<UnwindRule>& rules() const { return rules_; }
  // Of the index by pages, which is not stored.
  [[nodiscard]] size_t IndexBytes() const { return first_row_.size() * sizeof(uint32_t); }
  // Rows whose rule is of this kind.
  [[nodiscard]] size_t CountRows(CfaKind kind) const;

 private:
  class Builder;

  // Look-ups begin at the rows of one page of code, 256 bytes: a binary search over all of a large
  // file's rows would miss the CPU's caches at every step. Pages are larger where a damaged file has
  // few rows far apart, so that their index stays in proportion to the rows.
  static constexpr uint32_t kPageShift = 8;
  static constexpr size_t kMostRowsPassed = 32;

  // Fills first_row_ and what rules derive from themselves. Called once the rest is there.
  void Finish();

  uint64_t base_ = 0;             // address of the first row
  std::vector<uint32_t> starts_;  // ascending, relative to base_
  std::vector<uint16_t> rule_of_row_;
  std::vector<UnwindRule> rules_;
  uint32_t page_shift_ = kPageShift;
  std::vector<uint32_t> first_row_;  // [n]: the first row at or behind page n
};

}  // namespace pinfo

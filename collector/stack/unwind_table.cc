#include "collector/stack/unwind_table.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string_view>
#include <unordered_map>

#include <zlib.h>

#include "collector/stack/cfa_program.h"
#include "collector/stack/frame_section.h"

namespace pinfo {
namespace {

constexpr std::array<char, 8> kMagic = {'p', 'i', 'n', 'f', 'o', 'U', 'T', '2'};

// The index of pages is not larger than this many entries a row, and so many beside.
constexpr size_t kPagesARow = 4;
constexpr size_t kPagesBeside = 1024;

struct TableHeader {
  std::array<char, 8> magic;
  uint64_t key;
  uint64_t base;
  uint32_t rows;
  uint32_t rules;
  uint32_t checksum;  // CRC-32 of everything behind the header
  uint32_t reserved;
};

struct RuleHash {
  size_t operator()(const UnwindRule& rule) const {
    return std::hash<std::string_view>{}(
        {reinterpret_cast<const char*>(&rule), sizeof(UnwindRule)});
  }
};

// Contents and place of .eh_frame. Without section headers (sstrip) it is found through
// .eh_frame_hdr: it reaches to its own terminator, at most to the end of its segment.
std::vector<std::byte> ReadEhFrame(const ElfFile& file, uint64_t& address) {
  if (const ElfSection* section = file.FindSection(".eh_frame")) {
    address = section->address;
    return file.Contents(*section);
  }
  if (!file.eh_frame_header()) {
    return {};
  }
  std::array<std::byte, 16> head{};
  file.ReadAddress(*file.eh_frame_header(), head);
  ByteReader reader(head);
  const auto version = reader.Read<uint8_t>();
  const auto encoding = reader.Read<uint8_t>();
  reader.Read<uint16_t>();  // encodings of the count and the table
  const auto pointer = ReadEncodedPointer(reader, encoding, *file.eh_frame_header());
  if (version != 1 || !pointer) {
    return {};
  }
  for (const ElfSegment& segment : file.segments()) {
    const uint64_t into = *pointer - segment.address;
    if (into < segment.file_size) {
      address = *pointer;
      return file.Read(segment.file_offset + into, segment.file_size - into);
    }
  }
  return {};
}

bool IsValid(const UnwindRule& rule) {
  const auto valid = [](const SavedRule& saved) {
    return static_cast<uint8_t>(saved.kind) < kSavedKindCount && saved.reg < PINFO_REGISTER_COUNT;
  };
  return static_cast<uint8_t>(rule.cfa) < kCfaKindCount &&
         rule.cfa_register < PINFO_REGISTER_COUNT &&
         std::all_of(rule.saved.begin(), rule.saved.end(), valid);
}

uint32_t ChecksumOf(std::span<const std::byte> bytes) {
  return static_cast<uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

template <typename T>
void Append(std::vector<std::byte>& bytes, std::span<const T> values) {
  const size_t before = bytes.size();
  bytes.resize(before + values.size_bytes());
  if (!values.empty()) {
    std::memcpy(bytes.data() + before, values.data(), values.size_bytes());
  }
}

template <typename T>
bool Take(ByteReader& reader, size_t count, std::vector<T>& values) {
  const auto bytes = reader.Bytes(count * sizeof(T));
  values.resize(bytes.size() / sizeof(T));
  if (!bytes.empty()) {
    std::memcpy(values.data(), bytes.data(), bytes.size());
  }
  return reader.ok();
}

}  // namespace

class UnwindTable::Builder {
 public:
  Builder(const ElfFile& file, const ElfFile* debug_file)
      : file_(file), debug_file_(debug_file) {}

  UnwindTable Build() {
    uint64_t address = 0;
    const auto eh_frame = ReadEhFrame(file_, address);
    auto fdes = ReadFdes({eh_frame, address, false});
    std::array<std::vector<std::byte>, 2> debug_frames;  // fdes view them
    for (size_t i = 0; i < debug_frames.size(); ++i) {
      const ElfFile* file = i == 0 ? &file_ : debug_file_;
      const ElfSection* section = file == nullptr ? nullptr : file->FindSection(".debug_frame");
      if (section != nullptr) {
        debug_frames[i] = file->Contents(*section);
        auto more = ReadFdes({debug_frames[i], section->address, true});
        fdes.insert(fdes.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
      }
    }
    // Linkers leave entries of discarded functions behind, at address 0 or outside all code.
    std::erase_if(fdes, [&](const FrameFde& fde) { return !file_.IsExecutable(fde.start); });
    // Stable: .eh_frame came first.
    std::stable_sort(fdes.begin(), fdes.end(),
                     [](const FrameFde& a, const FrameFde& b) { return a.start < b.start; });
    AddAll(fdes);
    table_.Finish();
    return std::move(table_);
  }

 private:
  void AddAll(const std::vector<FrameFde>& fdes) {
    if (fdes.empty()) {
      return;
    }
    table_.base_ = fdes.front().start;
    uint64_t covered = 0;  // end of what has been added
    CfaInterpreter interpreter;
    for (const FrameFde& fde : fdes) {
      if (fde.start < covered) {
        continue;
      }
      if (fde.start > covered && covered != 0) {
        AddRow(covered, UnwindRule());
      }
      interpreter.Run(fde, [this](uint64_t at, const UnwindRule& rule) { AddRow(at, rule); });
      covered = fde.end;
    }
    AddRow(covered, UnwindRule());
  }

  void AddRow(uint64_t address, const UnwindRule& rule) {
    const uint64_t offset = address - table_.base_;
    // No code model reaches 4 GB of text; such an address is damage.
    if (offset > std::numeric_limits<uint32_t>::max()) {
      return;
    }
    const uint16_t index = IndexOf(rule);
    if (!table_.rule_of_row_.empty() && table_.rule_of_row_.back() == index) {
      return;
    }
    table_.starts_.push_back(static_cast<uint32_t>(offset));
    table_.rule_of_row_.push_back(index);
  }

  uint16_t IndexOf(const UnwindRule& rule) {
    const auto found = index_.find(rule);
    if (found != index_.end()) {
      return found->second;
    }
    // The last index is kept for the rule that sends the rest to libunwind.
    constexpr size_t kLast = std::numeric_limits<uint16_t>::max();
    if (table_.rules_.size() >= kLast && rule.cfa != CfaKind::kExpression) {
      return IndexOf(UnwindRule{.cfa = CfaKind::kExpression});
    }
    const auto index = static_cast<uint16_t>(table_.rules_.size());
    table_.rules_.push_back(rule);
    index_.emplace(rule, index);
    return index;
  }

  const ElfFile& file_;
  const ElfFile* debug_file_;
  UnwindTable table_;
  std::unordered_map<UnwindRule, uint16_t, RuleHash> index_;
};

UnwindTable UnwindTable::Build(const ElfFile& file, const ElfFile* debug_file) {
  return Builder(file, debug_file).Build();
}

void UnwindTable::Finish() {
  for (UnwindRule& rule : rules_) {
    rule.SetChanged();
  }
  first_row_.clear();
  if (starts_.empty()) {
    return;
  }
  page_shift_ = kPageShift;
  while (starts_.back() >> page_shift_ > kPagesBeside + kPagesARow * starts_.size()) {
    ++page_shift_;
  }
  const uint32_t last_page = starts_.back() >> page_shift_;
  first_row_.resize(size_t{last_page} + 2, static_cast<uint32_t>(starts_.size()));
  for (size_t row = starts_.size(); row > 0; --row) {
    first_row_[starts_[row - 1] >> page_shift_] = static_cast<uint32_t>(row - 1);
  }
  // Pages in which no row begins.
  for (size_t page = last_page; page > 0; --page) {
    first_row_[page - 1] = std::min(first_row_[page - 1], first_row_[page]);
  }
}

size_t UnwindTable::CountRows(CfaKind kind) const {
  return std::count_if(rule_of_row_.begin(), rule_of_row_.end(),
                       [&](uint16_t index) { return rules_[index].cfa == kind; });
}

std::vector<std::byte> UnwindTable::ToBytes(uint64_t key) const {
  TableHeader header{
      .magic = kMagic,
      .key = key,
      .base = base_,
      .rows = static_cast<uint32_t>(starts_.size()),
      .rules = static_cast<uint32_t>(rules_.size()),
      .checksum = 0,
      .reserved = 0,
  };
  std::vector<std::byte> bytes(sizeof(header));
  Append(bytes, std::span<const UnwindRule>(rules_));
  Append(bytes, std::span<const uint32_t>(starts_));
  Append(bytes, std::span<const uint16_t>(rule_of_row_));
  header.checksum = ChecksumOf(std::span(bytes).subspan(sizeof(header)));
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

std::optional<UnwindTable> UnwindTable::FromBytes(std::span<const std::byte> bytes, uint64_t key) {
  ByteReader reader(bytes);
  const auto header = reader.Read<TableHeader>();
  if (!reader.ok() || header.magic != kMagic || header.key != key) {
    return std::nullopt;
  }
  const auto body = bytes.subspan(sizeof(TableHeader));
  UnwindTable table;
  table.base_ = header.base;
  if (header.checksum != ::crc32_z(0, reinterpret_cast<const Bytef*>(body.data()), body.size()) ||
      !Take(reader, header.rules, table.rules_) || !Take(reader, header.rows, table.starts_) ||
      !Take(reader, header.rows, table.rule_of_row_) || !reader.AtEnd()) {
    return std::nullopt;
  }
  // The checksum is no proof against malice: what Find and the unwinder index by is checked.
  const bool valid = std::all_of(table.rules_.begin(), table.rules_.end(), IsValid) &&
                     std::is_sorted(table.starts_.begin(), table.starts_.end()) &&
                     std::all_of(table.rule_of_row_.begin(), table.rule_of_row_.end(),
                                 [&](uint16_t index) { return index < table.rules_.size(); });
  if (!valid) {
    return std::nullopt;
  }
  table.Finish();
  return table;
}

}  // namespace pinfo

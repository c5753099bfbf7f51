#include "collector/stack/symbol_table.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include <elf.h>

#include "collector/stack/byte_reader.h"

namespace pinfo {
namespace {

constexpr uint64_t kPltEntryBytes = 16;
constexpr uint16_t kPltRank = 1000;

// Among names of one address: functions before labels, global before weak before local names.
uint16_t RankOf(const Elf64_Sym& symbol) {
  const uint16_t type = ELF64_ST_TYPE(symbol.st_info) == STT_NOTYPE ? 1 : 0;
  const auto binding = ELF64_ST_BIND(symbol.st_info);
  const uint16_t scope = binding == STB_GLOBAL ? 0 : binding == STB_WEAK ? 1 : 2;
  return static_cast<uint16_t>(type * 10 + scope);
}

bool IsCode(const Elf64_Sym& symbol, const std::vector<ElfSection>& sections) {
  const auto type = ELF64_ST_TYPE(symbol.st_info);
  if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= sections.size() || symbol.st_value == 0) {
    return false;
  }
  const bool in_code = (sections[symbol.st_shndx].flags & SHF_EXECINSTR) != 0;
  return type == STT_FUNC || type == STT_GNU_IFUNC || (type == STT_NOTYPE && in_code);
}

// The address of the GOT slot that a PLT entry jumps through: ff 25 is jmp *disp32(%rip).
std::optional<uint64_t> SlotOfPltEntry(std::span<const std::byte> entry, uint64_t address) {
  for (size_t i = 0; i + 6 <= entry.size(); ++i) {
    if (entry[i] == std::byte{0xff} && entry[i + 1] == std::byte{0x25}) {
      const auto displacement = ByteReader(entry, i + 2).Read<int32_t>();
      return address + i + 6 + static_cast<int64_t>(displacement);
    }
  }
  return std::nullopt;
}

// GOT slot -> name, from the relocations that fill the slots.
std::unordered_map<uint64_t, std::string> NamesOfSlots(const ElfFile& file) {
  std::unordered_map<uint64_t, std::string> names;
  for (const char* name : {".rela.plt", ".rela.dyn"}) {
    const ElfSection* section = file.FindSection(name);
    if (section == nullptr || section->link >= file.sections().size()) {
      continue;
    }
    const ElfSection& symbol_section = file.sections()[section->link];
    if (symbol_section.link >= file.sections().size()) {
      continue;
    }
    const auto relocations = file.Contents(*section);
    const auto symbols = file.Contents(symbol_section);
    const auto strings = file.Contents(file.sections()[symbol_section.link]);
    ByteReader reader(relocations);
    while (reader.remaining() >= sizeof(Elf64_Rela)) {
      const auto relocation = reader.Read<Elf64_Rela>();
      const auto type = ELF64_R_TYPE(relocation.r_info);
      if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) {
        continue;
      }
      const uint64_t index = ELF64_R_SYM(relocation.r_info);
      const auto symbol = ByteReader(symbols, index * sizeof(Elf64_Sym)).Read<Elf64_Sym>();
      const auto text = ByteReader(strings, symbol.st_name).CString();
      if (!text.empty()) {
        names.emplace(relocation.r_offset, text);
      }
    }
  }
  return names;
}

}  // namespace

void SymbolTable::Add(const ElfFile& file) {
  for (const ElfSection& section : file.sections()) {
    if (section.type == SHT_SYMTAB || section.type == SHT_DYNSYM) {
      AddSection(file, section);
    }
  }
  AddPlt(file);
}

void SymbolTable::AddSymbol(uint64_t start, uint64_t end, bool measured, uint16_t rank,
                            std::string_view name) {
  if (name.empty() || names_.size() > std::numeric_limits<uint32_t>::max() - name.size()) {
    return;
  }
  symbols_.push_back({start, end, static_cast<uint32_t>(names_.size()), rank, measured});
  names_.append(name);
  names_ += '\0';
}

void SymbolTable::AddSection(const ElfFile& file, const ElfSection& section) {
  const auto& sections = file.sections();
  if (section.link >= sections.size()) {
    return;
  }
  const auto symbols = file.Contents(section);
  const auto strings = file.Contents(sections[section.link]);
  ByteReader reader(symbols);
  while (reader.remaining() >= sizeof(Elf64_Sym)) {
    const auto symbol = reader.Read<Elf64_Sym>();
    if (!IsCode(symbol, sections) || symbol.st_value + symbol.st_size < symbol.st_value) {
      continue;
    }
    uint64_t end = symbol.st_value + symbol.st_size;
    if (symbol.st_size == 0) {
      const ElfSection& code = sections[symbol.st_shndx];
      if (section.type != SHT_SYMTAB || symbol.st_value - code.address >= code.size) {
        continue;
      }
      end = code.address + code.size;
    }
    AddSymbol(symbol.st_value, end, symbol.st_size != 0, RankOf(symbol),
              ByteReader(strings, symbol.st_name).CString());
  }
}

void SymbolTable::AddPlt(const ElfFile& file) {
  const auto names = NamesOfSlots(file);
  for (const char* name : {".plt", ".plt.sec", ".plt.got"}) {
    const ElfSection* section = file.FindSection(name);
    if (section == nullptr || names.empty()) {
      continue;
    }
    const uint64_t step = section->entry_size == 8 ? 8 : kPltEntryBytes;
    const auto code = file.Contents(*section);
    for (uint64_t at = 0; at + step <= code.size(); at += step) {
      const uint64_t address = section->address + at;
      const auto slot = SlotOfPltEntry(std::span(code).subspan(at, step), address);
      const auto found = slot ? names.find(*slot) : names.end();
      if (found != names.end()) {
        const std::string_view target = found->second;
        AddSymbol(address, address + step, true, kPltRank,
                  std::string(target.substr(0, target.find('@'))) + "@plt");
      }
    }
  }
}

std::string_view SymbolTable::NameOf(const Symbol& symbol) const {
  return names_.c_str() + symbol.name;
}

// A total order, so that the name does not depend on the order in the file.
bool SymbolTable::IsBetter(const Symbol& a, const Symbol& b) const {
  if (a.measured != b.measured) {
    return a.measured;
  }
  if (a.rank != b.rank) {
    return a.rank < b.rank;
  }
  const std::string_view x = NameOf(a);
  const std::string_view y = NameOf(b);
  // __libc_read, __read and read are one function: the plain name is the known one.
  const auto underscores = [](std::string_view name) {
    return std::min(name.find_first_not_of('_'), name.size());
  };
  if (underscores(x) != underscores(y)) {
    return underscores(x) < underscores(y);
  }
  return x.size() != y.size() ? x.size() < y.size() : x < y;
}

void SymbolTable::Finish() {
  std::sort(symbols_.begin(), symbols_.end(), [this](const Symbol& a, const Symbol& b) {
    if (a.start != b.start) {
      return a.start < b.start;
    }
    // The shorter of two measured ranges is the inner one: looked at first, thus sorted last.
    if (a.measured && b.measured && a.end != b.end) {
      return a.end > b.end;
    }
    return IsBetter(b, a);
  });
  // One symbol a range: the best, which comes last.
  std::vector<Symbol> kept;
  for (const Symbol& symbol : symbols_) {
    if (!kept.empty() && kept.back().start == symbol.start &&
        (kept.back().end == symbol.end || !kept.back().measured)) {
      kept.back() = symbol;
    } else {
      kept.push_back(symbol);
    }
  }
  symbols_ = std::move(kept);
  for (size_t i = 0; i + 1 < symbols_.size(); ++i) {
    if (!symbols_[i].measured) {
      symbols_[i].end = std::min(symbols_[i].end, symbols_[i + 1].start);
    }
  }
  furthest_end_.clear();
  uint64_t furthest = 0;
  for (const Symbol& symbol : symbols_) {
    furthest = std::max(furthest, symbol.end);
    furthest_end_.push_back(furthest);
  }
}

std::optional<SymbolName> SymbolTable::Find(uint64_t address) const {
  auto at =
      std::upper_bound(symbols_.begin(), symbols_.end(), address,
                       [](uint64_t wanted, const Symbol& symbol) { return wanted < symbol.start; });
  while (at != symbols_.begin()) {
    --at;
    if (address < at->end) {
      return SymbolName{NameOf(*at), at->start};
    }
    if (furthest_end_[at - symbols_.begin()] <= address) {
      break;
    }
  }
  return std::nullopt;
}

}  // namespace pinfo

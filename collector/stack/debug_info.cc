#include "collector/stack/debug_info.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <unordered_map>

#include <dwarf.h>
#include <elfutils/libdw.h>

namespace pinfo {
namespace {

// Scopes nest a few levels; deeper is damage.
constexpr int kMaxDepth = 64;
constexpr size_t kMaxRanges = 10'000'000;

struct EndElf {
  void operator()(Elf* elf) const { ::elf_end(elf); }
};
struct EndDwarf {
  void operator()(Dwarf* dwarf) const { ::dwarf_end(dwarf); }
};

struct DieRange {
  Dwarf_Addr start = 0;
  Dwarf_Addr end = 0;
  Dwarf_Off die = 0;
};

// Sorted; where ranges overlap (which correct DWARF has not) the later start is taken.
class RangeIndex {
 public:
  void Add(Dwarf_Die& die) {
    Dwarf_Addr base = 0;
    Dwarf_Addr start = 0;
    Dwarf_Addr end = 0;
    ptrdiff_t offset = 0;
    while (ranges_.size() < kMaxRanges &&
           (offset = ::dwarf_ranges(&die, offset, &base, &start, &end)) > 0) {
      // Functions that the linker has discarded begin at 0.
      if (start != 0 && start < end) {
        ranges_.push_back({start, end, ::dwarf_dieoffset(&die)});
      }
    }
  }
  void Sort() {
    std::sort(ranges_.begin(), ranges_.end(), [](const DieRange& a, const DieRange& b) {
      return a.start != b.start ? a.start < b.start : a.die < b.die;
    });
  }
  [[nodiscard]] std::optional<Dwarf_Off> Find(Dwarf_Addr address) const {
    const auto after = std::upper_bound(
        ranges_.begin(), ranges_.end(), address,
        [](Dwarf_Addr wanted, const DieRange& range) { return wanted < range.start; });
    if (after == ranges_.begin() || address >= std::prev(after)->end) {
      return std::nullopt;
    }
    return std::prev(after)->die;
  }

  [[nodiscard]] uint64_t bytes() const { return ranges_.capacity() * sizeof(DieRange); }

 private:
  std::vector<DieRange> ranges_;
};

std::string Text(const char* text) { return text == nullptr ? std::string() : text; }

bool MayContainFunctions(int tag) {
  return tag == DW_TAG_namespace || tag == DW_TAG_class_type || tag == DW_TAG_structure_type ||
         tag == DW_TAG_union_type || tag == DW_TAG_module;
}

std::string LinkageNameOf(Dwarf_Die& die) {
  for (const unsigned attribute_name : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    Dwarf_Attribute attribute;
    if (::dwarf_attr_integrate(&die, attribute_name, &attribute) != nullptr) {
      return Text(::dwarf_formstring(&attribute));
    }
  }
  return {};
}

// The entry that stands among the namespaces and classes a function belongs to: inlined and
// out-of-line copies refer to it.
Dwarf_Die DeclarationOf(Dwarf_Die die) {
  for (const unsigned reference : {DW_AT_abstract_origin, DW_AT_specification}) {
    Dwarf_Attribute attribute;
    Dwarf_Die target;
    if (::dwarf_attr(&die, reference, &attribute) != nullptr &&
        ::dwarf_formref_die(&attribute, &target) != nullptr) {
      die = target;
    }
  }
  return die;
}

// "outer::(anonymous namespace)::Class::": what a linkage name would say before the name.
std::string ScopesOf(Dwarf_Die& declaration) {
  Dwarf_Die* scopes = nullptr;
  const int count = ::dwarf_getscopes_die(&declaration, &scopes);
  std::string prefix;
  for (int i = 1; i < count; ++i) {
    const int tag = ::dwarf_tag(&scopes[i]);
    if (MayContainFunctions(tag)) {
      const std::string name = Text(::dwarf_diename(&scopes[i]));
      prefix = (name.empty() ? "(anonymous namespace)" : name) + "::" + prefix;
    }
  }
  std::free(scopes);
  return prefix;
}

int32_t NumberOf(Dwarf_Die& die, unsigned attribute_name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value = 0;
  if (::dwarf_attr(&die, attribute_name, &attribute) == nullptr ||
      ::dwarf_formudata(&attribute, &value) != 0 || value > INT32_MAX) {
    return 0;
  }
  return static_cast<int32_t>(value);
}

// Where control was: the line table's entry for the innermost frame, the call for those around it.
struct SourceLine {
  std::string file;
  int32_t line = 0;
};

SourceLine LineAt(Dwarf_Die& unit, Dwarf_Addr address) {
  SourceLine at;
  if (Dwarf_Line* line = ::dwarf_getsrc_die(&unit, address)) {
    int number = 0;
    ::dwarf_lineno(line, &number);
    at = {Text(::dwarf_linesrc(line, nullptr, nullptr)), number};
  }
  return at;
}

SourceLine CallOf(Dwarf_Die& unit, Dwarf_Die& inlined) {
  Dwarf_Files* files = nullptr;
  size_t count = 0;
  const int32_t file = NumberOf(inlined, DW_AT_call_file);
  SourceLine at;
  at.line = NumberOf(inlined, DW_AT_call_line);
  if (::dwarf_getsrcfiles(&unit, &files, &count) == 0 && static_cast<size_t>(file) < count) {
    at.file = Text(::dwarf_filesrc(files, file, nullptr, nullptr));
  }
  return at;
}

// What libdw keeps of a unit's line table once it has been asked for it.
uint64_t LineTableBytes(Dwarf_Die& unit) {
  constexpr uint64_t kBytesALine = 48;  // struct Dwarf_Line_s and its place in the list
  Dwarf_Lines* lines = nullptr;
  size_t count = 0;
  return ::dwarf_getsrclines(&unit, &lines, &count) == 0 ? count * kBytesALine : 0;
}

void IndexFunctions(Dwarf_Die& parent, int depth, RangeIndex& index) {
  Dwarf_Die die;
  if (depth > kMaxDepth || ::dwarf_child(&parent, &die) != 0) {
    return;
  }
  do {
    const int tag = ::dwarf_tag(&die);
    if (tag == DW_TAG_subprogram) {
      index.Add(die);
    } else if (MayContainFunctions(tag)) {
      IndexFunctions(die, depth + 1, index);
    }
  } while (::dwarf_siblingof(&die, &die) == 0);
}

// The inlined functions below parent that cover address, outermost first.
void CollectInlined(Dwarf_Die& parent, Dwarf_Addr address, std::vector<Dwarf_Die>& inlined) {
  Dwarf_Die scope = parent;
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    Dwarf_Die die;
    if (::dwarf_child(&scope, &die) != 0) {
      return;
    }
    bool found = false;
    do {
      const int tag = ::dwarf_tag(&die);
      const bool is_scope = tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
                            tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
      found = is_scope && ::dwarf_haspc(&die, address) > 0;
    } while (!found && ::dwarf_siblingof(&die, &die) == 0);
    if (!found) {
      return;
    }
    if (::dwarf_tag(&die) == DW_TAG_inlined_subroutine) {
      inlined.push_back(die);
    }
    scope = die;
  }
}

}  // namespace

struct DebugInfo::Impl {
  std::unique_ptr<Elf, EndElf> elf;
  std::unique_ptr<Dwarf, EndDwarf> dwarf;
  RangeIndex units;
  uint64_t bytes = 0;
  std::map<Dwarf_Off, RangeIndex> functions;         // of the units looked into so far
  std::unordered_map<Dwarf_Off, std::string> names;  // by declaration

  void IndexUnits();
  const RangeIndex& FunctionsOf(Dwarf_Off unit_offset, Dwarf_Die& unit);
  const std::string& NameOf(Dwarf_Die& die);
  SourceFrame FrameOf(Dwarf_Die& die, const SourceLine& at, bool inlined);
};

// C++ functions that no linker sees have no linkage name: namespaces and classes are put in front.
const std::string& DebugInfo::Impl::NameOf(Dwarf_Die& die) {
  Dwarf_Die declaration = DeclarationOf(die);
  const auto [slot, is_new] = names.try_emplace(::dwarf_dieoffset(&declaration));
  if (is_new) {
    slot->second = LinkageNameOf(die);
    if (const char* name = ::dwarf_diename(&die); slot->second.empty() && name != nullptr) {
      slot->second = ScopesOf(declaration) + name;
    }
  }
  return slot->second;
}

SourceFrame DebugInfo::Impl::FrameOf(Dwarf_Die& die, const SourceLine& at, bool inlined) {
  SourceFrame frame;
  frame.name = NameOf(die);
  frame.inlined = inlined;
  int line = 0;
  if (const char* file = ::dwarf_decl_file(&die)) {
    frame.file = file;
    ::dwarf_decl_line(&die, &line);
    frame.function_line = line;
  } else {
    frame.file = at.file;
  }
  // An included file's line would be read as one of the function's own file.
  frame.line = at.file == frame.file ? at.line : 0;
  return frame;
}

void DebugInfo::Impl::IndexUnits() {
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  while (::dwarf_get_units(dwarf.get(), unit, &unit, nullptr, nullptr, &die, nullptr) == 0) {
    if (::dwarf_tag(&die) == DW_TAG_compile_unit) {
      units.Add(die);
    }
  }
  units.Sort();
}

const RangeIndex& DebugInfo::Impl::FunctionsOf(Dwarf_Off unit_offset, Dwarf_Die& unit) {
  const auto [slot, is_new] = functions.try_emplace(unit_offset);
  if (is_new) {
    IndexFunctions(unit, 0, slot->second);
    slot->second.Sort();
    bytes += slot->second.bytes() + LineTableBytes(unit);
  }
  return slot->second;
}

DebugInfo::DebugInfo(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DebugInfo::~DebugInfo() = default;

uint64_t DebugInfo::BytesOf(const ElfFile& file) {
  constexpr uint64_t kCompressed = 0x800;  // SHF_COMPRESSED
  constexpr uint64_t kRatio = 3;           // DWARF under zlib, about
  uint64_t bytes = 0;
  for (const ElfSection& section : file.sections()) {
    if (section.name.starts_with(".debug_")) {
      bytes += section.size * ((section.flags & kCompressed) != 0 ? kRatio : 1);
    }
  }
  return file.FindSection(".debug_info") != nullptr ? bytes : 0;
}

uint64_t DebugInfo::bytes() const { return impl_->bytes; }

std::unique_ptr<DebugInfo> DebugInfo::Open(const ElfFile& file) {
  if (file.FindSection(".debug_info") == nullptr || file.fd() < 0) {
    return nullptr;
  }
  ::elf_version(EV_CURRENT);
  auto impl = std::make_unique<Impl>();
  // Read, not mapped, as ElfFile does and for its reason.
  impl->elf.reset(::elf_begin(file.fd(), ELF_C_READ, nullptr));
  if (impl->elf == nullptr) {
    return nullptr;
  }
  impl->dwarf.reset(::dwarf_begin_elf(impl->elf.get(), DWARF_C_READ, nullptr));
  if (impl->dwarf == nullptr) {
    return nullptr;
  }
  impl->IndexUnits();
  impl->bytes = BytesOf(file) + impl->units.bytes();
  return std::unique_ptr<DebugInfo>(new DebugInfo(std::move(impl)));
}

std::vector<SourceFrame> DebugInfo::Find(uint64_t address) {
  const auto unit_offset = impl_->units.Find(address);
  Dwarf_Die unit;
  if (!unit_offset || ::dwarf_offdie(impl_->dwarf.get(), *unit_offset, &unit) == nullptr) {
    return {};
  }
  const auto function_offset = impl_->FunctionsOf(*unit_offset, unit).Find(address);
  Dwarf_Die function;
  if (!function_offset ||
      ::dwarf_offdie(impl_->dwarf.get(), *function_offset, &function) == nullptr) {
    return {};
  }
  std::vector<Dwarf_Die> inlined;
  CollectInlined(function, address, inlined);
  std::vector<SourceFrame> frames;
  SourceLine at = LineAt(unit, address);
  for (auto die = inlined.rbegin(); die != inlined.rend(); ++die) {
    frames.push_back(impl_->FrameOf(*die, at, true));
    at = CallOf(unit, *die);
  }
  frames.push_back(impl_->FrameOf(function, at, false));
  return frames;
}

}  // namespace pinfo

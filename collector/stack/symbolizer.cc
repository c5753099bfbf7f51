#include "collector/stack/symbolizer.h"

#include <fmt/format.h>

#include "collector/stack/debug_file.h"
#include "collector/stack/debug_info.h"
#include "collector/stack/demangle.h"
#include "collector/stack/symbol_table.h"

namespace pinfo {
namespace {

constexpr const char* kUnknown = "[unknown]";
constexpr const char* kJitModule = "[jit]";
// Addresses kept; about 40 MB. Beyond it all are forgotten, and those in use come back.
constexpr size_t kMaxCachedAddresses = 100'000;
constexpr std::chrono::seconds kPerfMapInterval{1};

std::string PlaceName(std::string_view path, uint64_t address) {
  return fmt::format("{}+{:#x}", path.substr(path.find_last_of('/') + 1), address);
}

FrameRow NamedFrame(std::string function, std::string_view module) {
  FrameRow row;
  row.function = std::move(function);
  row.module = module;
  return row;
}

}  // namespace

struct Symbolizer::ModuleNames {
  SymbolTable symbols;
  std::unique_ptr<ElfFile> debug_file;
  const ElfFile* debug_info_file = nullptr;     // the one that has it, if any
  std::unique_ptr<DebugInfo> debug_info;        // open while it is in use
  uint64_t debug_used = 0;                      // number of the last use
  std::unordered_map<uint64_t, Frames> frames;  // by address in the ELF file
};

Symbolizer::Symbolizer(uint64_t max_debug_bytes) : max_debug_bytes_(max_debug_bytes) {}
Symbolizer::~Symbolizer() = default;

Symbolizer::ModuleNames& Symbolizer::NamesOf(const Module& module) {
  auto& names = modules_[module.id()];
  if (names == nullptr) {
    names = std::make_unique<ModuleNames>();
    names->symbols.Add(module.elf());
    names->debug_file = FindDebugFile(module.elf(), module.root());
    if (names->debug_file != nullptr) {
      names->symbols.Add(*names->debug_file);
    }
    const ElfFile* const debug_file = names->debug_file.get();
    for (const ElfFile* file : {debug_file, &module.elf()}) {
      if (file != nullptr && DebugInfo::BytesOf(*file) != 0) {
        names->debug_info_file = file;
      }
    }
    if (names->debug_info_file != nullptr &&
        DebugInfo::BytesOf(*names->debug_info_file) > max_debug_bytes_) {
      names->debug_info_file = nullptr;
    }
    if (const auto embedded = ReadEmbeddedSymbols(module.elf())) {
      names->symbols.Add(*embedded);
    }
    names->symbols.Finish();
  }
  return *names;
}

DebugInfo* Symbolizer::DebugInfoOf(ModuleNames& names) {
  if (names.debug_info_file == nullptr) {
    return nullptr;
  }
  names.debug_used = ++debug_uses_;
  if (names.debug_info == nullptr) {
    names.debug_info = DebugInfo::Open(*names.debug_info_file);
    if (names.debug_info == nullptr) {
      names.debug_info_file = nullptr;  // what it says of itself is not so
    }
  }
  return names.debug_info.get();
}

void Symbolizer::CloseUnusedDebugInfo() {
  for (;;) {
    uint64_t bytes = 0;
    ModuleNames* oldest = nullptr;
    for (auto& [id, names] : modules_) {
      if (names->debug_info != nullptr) {
        bytes += names->debug_info->bytes();
        oldest = oldest == nullptr || names->debug_used < oldest->debug_used ? names.get() : oldest;
      }
    }
    if (oldest == nullptr || bytes <= max_debug_bytes_) {
      return;
    }
    oldest->debug_info.reset();
  }
}

Symbolizer::Frames Symbolizer::FindInModule(const CodeLocation& at) {
  ModuleNames& names = NamesOf(*at.module);
  const std::string& path = at.module->path();
  const auto symbol = names.symbols.Find(at.address);
  Frames frames;
  if (DebugInfo* const debug_info = DebugInfoOf(names)) {
    for (SourceFrame& source : debug_info->Find(at.address)) {
      FrameRow row = NamedFrame(Demangle(source.name), path);
      row.file = std::move(source.file);
      row.function_line = source.function_line;
      row.line = source.line;
      row.inlined = source.inlined;
      frames.push_back(std::move(row));
    }
    CloseUnusedDebugInfo();
  }
  if (frames.empty()) {
    frames.push_back(NamedFrame({}, path));
  }
  // The symbol's name is the same with and without debug files.
  FrameRow& function = frames.back();
  if (symbol) {
    function.function = Demangle(symbol->name);
  }
  for (FrameRow& row : frames) {
    if (row.function.empty()) {
      row.function = PlaceName(path, at.address);
    }
  }
  return frames;
}

uint64_t Symbolizer::CodeVersion(const AddressSpace& space) {
  const auto found = perf_maps_.find(space.pid());
  if (found == perf_maps_.end()) {
    return 0;
  }
  ProcessMap& process = found->second;
  const auto now = std::chrono::steady_clock::now();
  if (process.map.size() != 0 && now - process.read_at > kPerfMapInterval) {
    process.map.Refresh(space.pid(), space.root());
    process.read_at = now;
  }
  return process.map.version();
}

Symbolizer::Frames Symbolizer::FindInPerfMap(const AddressSpace& space, uint64_t pc) {
  ProcessMap& process = perf_maps_[space.pid()];
  auto name = process.map.Find(pc);
  if (!name) {
    // The file is looked at after 1, 2, 4 ... and then every 256 misses: code without a name must
    // not cost system calls with every sample.
    const uint64_t misses = ++process.misses;
    if ((misses & (misses - 1)) == 0 || misses % 256 == 0) {
      process.map.Refresh(space.pid(), space.root());
      name = process.map.Find(pc);
    }
  }
  return {name ? NamedFrame(std::string(*name), kJitModule) : NamedFrame(kUnknown, {})};
}

std::span<const FrameRow> Symbolizer::Symbolize(const AddressSpace& space, uint64_t pc,
                                                bool is_return_address) {
  const uint64_t lookup = is_return_address && pc > 0 ? pc - 1 : pc;
  const CodeLocation at = space.Find(lookup);
  if (at.module == nullptr) {
    const std::string_view path =
        at.mapping == nullptr ? std::string_view() : MappedPath(*at.mapping);
    // Runtimes also map their code from files without a name of their own (memfd).
    uncached_ = path.starts_with('/') && !path.starts_with("/memfd:")
                    ? Frames{NamedFrame(PlaceName(path, at.address), path)}
                    : FindInPerfMap(space, lookup);
    return uncached_;
  }
  if (cached_ >= kMaxCachedAddresses) {
    for (auto& [id, names] : modules_) {
      names->frames.clear();
    }
    cached_ = 0;
  }
  ModuleNames& names = NamesOf(*at.module);
  const auto [slot, is_new] = names.frames.try_emplace(at.address);
  if (is_new) {
    slot->second = FindInModule(at);
    ++cached_;
  }
  return slot->second;
}

}  // namespace pinfo

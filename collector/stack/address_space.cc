#include "collector/stack/address_space.h"

#include <algorithm>

#include <fmt/format.h>

#include "collector/stack/proc_maps.h"

namespace pinfo {
namespace {

// vm.max_map_count's default. Records may come from a hostile process.
constexpr size_t kMaxMappings = 65530;

}  // namespace

AddressSpace::AddressSpace(ModuleCache& modules, Pid pid)
    : AddressSpace(modules, pid, fmt::format("/proc/{}/root", pid.value)) {}

AddressSpace::AddressSpace(ModuleCache& modules, Pid pid, std::string root)
    : modules_(&modules), pid_(pid), root_(std::move(root)) {}

void AddressSpace::Remove(uint64_t start, uint64_t end) {
  last_found_ = kNothingFound;
  auto first = std::upper_bound(entries_.begin(), entries_.end(), start,
                                [](uint64_t at, const Entry& entry) { return at < entry.end; });
  auto last = first;
  std::vector<Entry> kept;  // what sticks out on either side
  while (last != entries_.end() && last->start < end) {
    if (last->start < start) {
      kept.push_back({last->start, start, last->region});
    }
    if (last->end > end) {
      kept.push_back({end, last->end, last->region});
    }
    ++last;
  }
  const auto at = entries_.erase(first, last);
  entries_.insert(at, kept.begin(), kept.end());
}

void AddressSpace::Add(const Mapping& mapping) {
  if (mapping.start >= mapping.end) {
    return;
  }
  Remove(mapping.start, mapping.end);
  if (entries_.size() >= kMaxMappings) {
    return;
  }
  const auto at =
      std::lower_bound(entries_.begin(), entries_.end(), mapping.start,
                       [](const Entry& entry, uint64_t start) { return entry.start < start; });
  last_found_ = kNothingFound;
  entries_.insert(at, {mapping.start, mapping.end, RegionFor(mapping)});
}

// A new one, or that of the same mapping before the last reset with the file it has open.
std::shared_ptr<AddressSpace::Region> AddressSpace::RegionFor(const Mapping& mapping) const {
  const auto old =
      std::lower_bound(before_.begin(), before_.end(), mapping.start,
                       [](const Entry& entry, uint64_t start) { return entry.start < start; });
  if (old != before_.end() && old->region->mapping == mapping) {
    return old->region;
  }
  auto region = std::make_shared<Region>();
  region->mapping = mapping;
  return region;
}

void AddressSpace::Apply(const pinfo_mapping& record, std::string_view path) {
  if ((record.flags & PINFO_MAPPING_RESET) != 0) {
    before_ = std::move(entries_);
    entries_.clear();
    last_found_ = kNothingFound;
  }
  if ((record.flags & PINFO_MAPPING_EXECUTABLE) != 0) {
    Add({.start = record.start,
         .end = record.end,
         .file_offset = record.file_offset,
         .inode = record.inode,
         .device_major = record.device_major,
         .device_minor = record.device_minor,
         .path = std::string(path)});
  } else if (record.start < record.end) {
    Remove(record.start, record.end);
  }
}

Status AddressSpace::Refresh() {
  auto mappings = ReadProcMaps(pid_);
  if (!mappings) {
    return tl::unexpected(std::move(mappings.error()));
  }
  before_ = std::move(entries_);
  entries_.clear();
  last_found_ = kNothingFound;
  for (const Mapping& mapping : *mappings) {
    Add(mapping);
  }
  return {};
}

AddressSpace AddressSpace::Fork(Pid child) const {
  AddressSpace copy(*modules_, child);
  copy.entries_ = entries_;
  return copy;
}

void AddressSpace::Region::Load(ModuleCache& modules, Pid pid, const std::string& root) {
  loaded = true;
  module = modules.Load(pid, root, mapping);
  if (module == nullptr) {
    return;
  }
  const uint64_t offset_end = mapping.file_offset + (mapping.end - mapping.start);
  const ElfSegment* only = nullptr;
  for (const ElfSegment& segment : module->elf().segments()) {
    if (segment.file_offset < offset_end && segment.file_size != 0 &&
        segment.file_offset + segment.file_size > mapping.file_offset) {
      if (only != nullptr && segment.executable == only->executable) {
        return;
      }
      only = only == nullptr || segment.executable ? &segment : only;
    }
  }
  if (only == nullptr || !only->executable) {
    return;
  }
  const uint64_t skipped = std::max(only->file_offset, mapping.file_offset) - mapping.file_offset;
  const uint64_t code_end_offset = std::min(only->file_offset + only->file_size, offset_end);
  code_start = mapping.start + skipped;
  code_end = mapping.start + (code_end_offset - mapping.file_offset);
  bias = mapping.start - mapping.file_offset + only->file_offset - only->address;
}

CodeLocation AddressSpace::FindElsewhere(uint64_t pc) const {
  const auto entry =
      std::upper_bound(entries_.begin(), entries_.end(), pc,
                       [](uint64_t wanted, const Entry& each) { return wanted < each.end; });
  if (entry == entries_.end() || pc < entry->start) {
    return {};
  }
  if (!entry->region->loaded) {
    entry->region->Load(*modules_, pid_, root_);
  }
  last_found_ = entry - entries_.begin();
  return entry->region->Locate(pc);
}

CodeLocation AddressSpace::Region::LocateBySegment(uint64_t pc) const {
  const uint64_t offset = pc - mapping.start + mapping.file_offset;
  CodeLocation location{&mapping, nullptr, offset, 0};
  if (module != nullptr) {
    if (const auto address = module->elf().AddressOfOffset(offset)) {
      location.module = module.get();
      location.address = *address;
      location.bias = pc - *address;
    }
  }
  return location;
}

}  // namespace pinfo

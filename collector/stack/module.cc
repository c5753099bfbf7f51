#include "collector/stack/module.h"

#include <algorithm>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "collector/stack/debug_file.h"
#include "collector/stack/proc_maps.h"
#include "collector/stack/root_open.h"

namespace pinfo {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kVdso = "[vdso]";
// The vdso has two pages; a larger one is no vdso.
constexpr uint64_t kMaxVdsoBytes = 64 << 10;

// What an image's headers and notes lie in.
constexpr uint64_t kHeadBytes = 4096;

std::vector<std::byte> ReadMemory(Pid pid, uint64_t address, uint64_t count) {
  const UniqueFd fd(::open(fmt::format("/proc/{}/mem", pid.value).c_str(), O_RDONLY | O_CLOEXEC));
  std::vector<std::byte> bytes(count);
  const ssize_t got =
      fd ? ::pread(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(address)) : -1;
  bytes.resize(got < 0 ? 0 : got);
  return bytes;
}

// Whether fd is the very file that was mapped. Device numbers are not compared: btrfs and overlayfs
// show others in maps than in stat. On overlayfs the inode may differ as well, and nothing better
// than the path is left.
bool IsMappedFile(int fd, const Mapping& mapping) {
  struct stat info {};
  struct statfs filesystem {};
  if (::fstat(fd, &info) != 0) {
    return false;
  }
  return mapping.inode == 0 || info.st_ino == mapping.inode ||
         (::fstatfs(fd, &filesystem) == 0 && filesystem.f_type == OVERLAYFS_SUPER_MAGIC);
}

// The build id of the image that is mapped, read out of the process where its first page can be
// found; empty where that is not so.
std::string BuildIdInMemory(Pid pid, const Mapping& mapping) {
  std::ifstream maps(fmt::format("/proc/{}/maps", pid.value));
  for (std::string line; std::getline(maps, line);) {
    const auto parsed = ParseMapsLine(line);
    if (!parsed || parsed->mapping.inode != mapping.inode || parsed->mapping.file_offset != 0 ||
        MappedPath(parsed->mapping) != MappedPath(mapping)) {
      continue;
    }
    const auto image = ElfFile::FromBytes(
        ReadMemory(pid, parsed->mapping.start,
                   std::min(parsed->mapping.end - parsed->mapping.start, kHeadBytes)),
        mapping.path);
    return image ? (*image)->build_id() : std::string();
  }
  return {};
}

// The kernel's own link to the mapped file: right even where the path now names another. Needs
// CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN, and the process.
Result<UniqueFd> OpenMapFile(Pid pid, const Mapping& mapping) {
  auto fd = OpenInRoot(
      "", fmt::format("/proc/{}/map_files/{:x}-{:x}", pid.value, mapping.start, mapping.end));
  if (fd && !IsMappedFile(fd->get(), mapping)) {
    return Fail("another file is mapped there now");
  }
  return fd;
}

// The file at the path, if it is the mapped one: by its build id where the image in memory tells
// it, otherwise by its inode (which a new file may have taken over).
Result<std::unique_ptr<ElfFile>> OpenByPath(Pid pid, bool is_alive, const std::string& root,
                                            const Mapping& mapping, const std::string& path) {
  const std::string mapped_id = is_alive ? BuildIdInMemory(pid, mapping) : std::string();
  for (const std::string& below : {is_alive ? root : std::string(), std::string()}) {
    auto fd = OpenInRoot(below, path);
    if (!fd) {
      continue;
    }
    const bool same_file = IsMappedFile(fd->get(), mapping);
    auto elf = ElfFile::Open(std::move(*fd), path);
    if (elf && (mapped_id.empty() ? same_file : (*elf)->build_id() == mapped_id)) {
      return elf;
    }
  }
  return Fail(path + ": the mapped file is not there any more");
}

// Every process of a boot has the same one: where the process has ended, this one's will do.
Result<std::unique_ptr<ElfFile>> ReadVdso(Pid pid, const Mapping& mapping) {
  const uint64_t size = std::min(mapping.end - mapping.start, kMaxVdsoBytes);
  std::vector<std::byte> bytes = ReadMemory(pid, mapping.start, size);
  if (bytes.size() != size) {
    const auto self = static_cast<uint32_t>(::getpid());
    const auto own = ReadProcMaps(Pid{self});
    for (const Mapping& candidate : own ? *own : std::vector<Mapping>()) {
      if (candidate.path == kVdso && candidate.end - candidate.start == size) {
        bytes = ReadMemory(Pid{self}, candidate.start, size);
      }
    }
  }
  return ElfFile::FromBytes(std::move(bytes), mapping.path);
}

}  // namespace

std::string_view MappedPath(const Mapping& mapping) {
  std::string_view path = mapping.path;
  if (path.ends_with(kDeleted)) {
    path.remove_suffix(kDeleted.size());
  }
  return path;
}

const UnwindTable& Module::LoadTable() const {
  std::unique_ptr<ElfFile> debug;
  if (elf_->FindSection(".debug_frame") == nullptr) {
    debug = FindDebugFile(*elf_, root_);
    if (debug != nullptr && debug->FindSection(".debug_frame") == nullptr) {
      debug = nullptr;
    }
  }
  table_ = std::make_unique<UnwindTable>(tables_.Get(*elf_, debug.get()));
  return *table_;
}

size_t Module::ReadMemory(uint64_t address, std::span<std::byte> out) const {
  if (frame_sections_.empty()) {
    for (const char* name : {".eh_frame_hdr", ".eh_frame"}) {
      if (const ElfSection* section = elf_->FindSection(name)) {
        frame_sections_.push_back({section->address, elf_->Contents(*section)});
      }
    }
  }
  for (const Block& block : frame_sections_) {
    const uint64_t into = address - block.address;
    if (into < block.bytes.size() && out.size() <= block.bytes.size() - into) {
      std::copy_n(block.bytes.begin() + static_cast<ptrdiff_t>(into), out.size(), out.begin());
      return out.size();
    }
  }
  return elf_->ReadAddress(address, out);
}

Result<std::unique_ptr<ElfFile>> ModuleCache::Open(Pid pid, const std::string& root,
                                                   const Mapping& mapping,
                                                   const std::string& path) const {
  if (path == kVdso) {
    if (!this_boot_) {
      return Fail("the vdso of another boot");
    }
    return ReadVdso(pid, mapping);
  }
  if (this_boot_) {
    if (auto fd = OpenMapFile(pid, mapping)) {
      return ElfFile::Open(std::move(*fd), path);
    }
  }
  return OpenByPath(pid, this_boot_, root, mapping, path);
}

std::shared_ptr<Module> ModuleCache::Load(Pid pid, const std::string& root,
                                          const Mapping& mapping) {
  std::string path(MappedPath(mapping));
  if (path != kVdso && !path.starts_with('/')) {
    return nullptr;
  }
  auto elf = Open(pid, root, mapping, path);
  if (!elf) {
    return nullptr;
  }
  const ElfFile& file = **elf;
  const Key key{file.build_id() + path, file.build_id().empty() ? file.identity() : FileIdentity()};
  auto& module = modules_[key];
  if (module == nullptr) {
    const auto id = static_cast<uint32_t>(modules_.size());
    module = std::make_shared<Module>(id, std::move(path), root, std::move(*elf), tables_);
  }
  return module;
}

}  // namespace pinfo

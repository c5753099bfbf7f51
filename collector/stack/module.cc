#include "collector/stack/module.h"

#include <algorithm>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "collector/stack/root_open.h"

namespace pinfo {
namespace {

constexpr std::string_view kDeleted = " (deleted)";
constexpr std::string_view kVdso = "[vdso]";
// The vdso has two pages; a larger one is no vdso.
constexpr uint64_t kMaxVdsoBytes = 64 << 10;

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

Result<UniqueFd> OpenMappedFile(Pid pid, const std::string& root, const Mapping& mapping,
                                const std::string& path) {
  // The kernel's own link to the mapped file: right even where the path now names another. Needs
  // CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN, and the process.
  auto fd = OpenInRoot(
      "", fmt::format("/proc/{}/map_files/{:x}-{:x}", pid.value, mapping.start, mapping.end));
  if (fd && IsMappedFile(fd->get(), mapping)) {
    return fd;
  }
  for (const std::string& below : {root, std::string()}) {
    fd = OpenInRoot(below, path);
    if (fd && IsMappedFile(fd->get(), mapping)) {
      return fd;
    }
  }
  return Fail(path + ": the mapped file is not there any more");
}

Result<std::unique_ptr<ElfFile>> ReadVdso(Pid pid, const Mapping& mapping) {
  const std::string path = fmt::format("/proc/{}/mem", pid.value);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return FailErrno(path);
  }
  std::vector<std::byte> bytes(std::min(mapping.end - mapping.start, kMaxVdsoBytes));
  const ssize_t got =
      ::pread(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(mapping.start));
  bytes.resize(got < 0 ? 0 : got);
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
  table_ = std::make_unique<UnwindTable>(tables_.Get(*elf_));
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

std::shared_ptr<Module> ModuleCache::Load(Pid pid, const std::string& root,
                                          const Mapping& mapping) {
  std::string path(MappedPath(mapping));
  if (path != kVdso && !path.starts_with('/')) {
    return nullptr;
  }
  Result<std::unique_ptr<ElfFile>> elf = Fail("");
  if (path == kVdso) {
    elf = ReadVdso(pid, mapping);
  } else if (auto fd = OpenMappedFile(pid, root, mapping, path)) {
    elf = ElfFile::Open(std::move(*fd), path);
  }
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

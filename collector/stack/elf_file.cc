#include "collector/stack/elf_file.h"

#include <algorithm>
#include <cstring>

#include <elf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "collector/stack/byte_reader.h"
#include "collector/stack/root_open.h"

namespace pinfo {
namespace {

// A note segment is a few dozen bytes; larger ones are core files or damage.
constexpr uint64_t kMaxNoteBytes = 64 << 10;

std::vector<std::byte> Inflate(std::span<const std::byte> compressed) {
  ByteReader reader(compressed);
  const auto header = reader.Read<Elf64_Chdr>();
  // Deflate expands by at most 1032 (zlib's technical details): a size beyond it is a lie, and
  // nothing is allocated for it.
  if (!reader.ok() || header.ch_type != ELFCOMPRESS_ZLIB ||
      header.ch_size > ElfFile::kMaxSectionBytes || header.ch_size / 1032 > reader.remaining()) {
    return {};
  }
  std::vector<std::byte> inflated(header.ch_size);
  auto length = static_cast<uLongf>(inflated.size());
  const auto source = reader.Bytes(reader.remaining());
  if (::uncompress(reinterpret_cast<Bytef*>(inflated.data()), &length,
                   reinterpret_cast<const Bytef*>(source.data()), source.size()) != Z_OK ||
      length != inflated.size()) {
    return {};
  }
  return inflated;
}

}  // namespace

Result<std::unique_ptr<ElfFile>> ElfFile::Open(UniqueFd fd, std::string path) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) {
    return FailErrno(path);
  }
  std::unique_ptr<ElfFile> file(new ElfFile);
  file->fd_ = std::move(fd);
  file->path_ = std::move(path);
  file->size_ = info.st_size;
  file->identity_ = {info.st_dev, info.st_ino,
                     info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec, file->size_};
  if (auto parsed = file->Parse(); !parsed) {
    return tl::unexpected(std::move(parsed.error()));
  }
  return file;
}

Result<std::unique_ptr<ElfFile>> ElfFile::Open(const std::string& root, const std::string& path) {
  auto fd = OpenInRoot(root, path);
  if (!fd && !root.empty()) {
    fd = OpenInRoot("", path);
  }
  if (!fd) {
    return tl::unexpected(std::move(fd.error()));
  }
  return Open(std::move(*fd), path);
}

Result<std::unique_ptr<ElfFile>> ElfFile::FromBytes(std::vector<std::byte> bytes,
                                                    std::string path) {
  std::unique_ptr<ElfFile> file(new ElfFile);
  file->bytes_ = std::move(bytes);
  file->size_ = file->bytes_.size();
  file->path_ = std::move(path);
  if (auto parsed = file->Parse(); !parsed) {
    return tl::unexpected(std::move(parsed.error()));
  }
  return file;
}

Status ElfFile::Parse() {
  const auto head = Read(0, sizeof(Elf64_Ehdr));
  ByteReader reader(head);
  const auto header = reader.Read<Elf64_Ehdr>();
  if (!reader.ok() || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return Fail(path_ + ": not an ELF file");
  }
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != EM_X86_64) {
    return Fail(path_ + ": an ELF file, but not for x86-64");
  }
  if (header.e_phentsize >= sizeof(Elf64_Phdr)) {
    ParseSegments(Read(header.e_phoff, uint64_t{header.e_phnum} * header.e_phentsize),
                  header.e_phentsize);
  }
  if (header.e_shentsize >= sizeof(Elf64_Shdr)) {
    ParseSections(Read(header.e_shoff, uint64_t{header.e_shnum} * header.e_shentsize),
                  header.e_shentsize, header.e_shstrndx);
  }
  return {};
}

void ElfFile::ParseSegments(std::span<const std::byte> table, uint64_t entry_size) {
  for (uint64_t at = 0; at + entry_size <= table.size(); at += entry_size) {
    const auto segment = ByteReader(table, at).Read<Elf64_Phdr>();
    if (segment.p_type == PT_LOAD) {
      segments_.push_back({segment.p_vaddr, segment.p_offset, segment.p_filesz, segment.p_memsz,
                           (segment.p_flags & PF_X) != 0});
    } else if (segment.p_type == PT_GNU_EH_FRAME) {
      eh_frame_header_ = segment.p_vaddr;
    } else if (segment.p_type == PT_NOTE && segment.p_filesz <= kMaxNoteBytes) {
      ParseNotes(Read(segment.p_offset, segment.p_filesz));
    }
  }
}

void ElfFile::ParseSections(std::span<const std::byte> table, uint64_t entry_size, uint64_t names) {
  std::vector<uint32_t> name_offsets;
  for (uint64_t at = 0; at + entry_size <= table.size(); at += entry_size) {
    const auto section = ByteReader(table, at).Read<Elf64_Shdr>();
    sections_.push_back({.name = {},
                         .type = section.sh_type,
                         .flags = section.sh_flags,
                         .address = section.sh_addr,
                         .file_offset = section.sh_offset,
                         .size = section.sh_size,
                         .link = section.sh_link,
                         .entry_size = section.sh_entsize});
    name_offsets.push_back(section.sh_name);
  }
  if (names >= sections_.size()) {
    return;
  }
  const auto text = Contents(sections_[names]);
  for (size_t i = 0; i < sections_.size(); ++i) {
    sections_[i].name = ByteReader(text, name_offsets[i]).CString();
    // Separate debug files and some linkers keep the note in a section only.
    if (build_id_.empty() && sections_[i].type == SHT_NOTE && sections_[i].size <= kMaxNoteBytes) {
      ParseNotes(Contents(sections_[i]));
    }
  }
}

void ElfFile::ParseNotes(std::span<const std::byte> notes) {
  ByteReader reader(notes);
  const auto padding = [](uint64_t size) { return (4 - size % 4) % 4; };
  while (!reader.AtEnd()) {
    const auto note = reader.Read<Elf64_Nhdr>();
    const auto name = reader.Bytes(note.n_namesz);
    reader.Bytes(padding(note.n_namesz));
    const auto description = reader.Bytes(note.n_descsz);
    if (reader.ok() && note.n_type == NT_GNU_BUILD_ID && name.size() == sizeof(ELF_NOTE_GNU) &&
        std::memcmp(name.data(), ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0) {
      build_id_.clear();
      for (const std::byte byte : description) {
        build_id_ += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
      }
    }
    // The last note may lack its padding.
    reader.Bytes(std::min<uint64_t>(padding(note.n_descsz), reader.remaining()));
  }
}

const ElfSection* ElfFile::FindSection(std::string_view name) const {
  const auto found = std::find_if(sections_.begin(), sections_.end(),
                                  [&](const ElfSection& section) { return section.name == name; });
  return found == sections_.end() ? nullptr : &*found;
}

bool ElfFile::IsExecutable(uint64_t address) const {
  return std::any_of(segments_.begin(), segments_.end(), [&](const ElfSegment& segment) {
    return segment.executable && address - segment.address < segment.memory_size;
  });
}

std::optional<uint64_t> ElfFile::AddressOfOffset(uint64_t file_offset) const {
  // Segments may share a page of the file; the executable one is what is being executed.
  const ElfSegment* best = nullptr;
  for (const ElfSegment& segment : segments_) {
    if (file_offset - segment.file_offset < segment.file_size &&
        (best == nullptr || (segment.executable && !best->executable))) {
      best = &segment;
    }
  }
  if (best == nullptr) {
    return std::nullopt;
  }
  return best->address + (file_offset - best->file_offset);
}

std::optional<uint64_t> ElfFile::OffsetOfAddress(uint64_t address) const {
  for (const ElfSegment& segment : segments_) {
    if (address - segment.address < segment.file_size) {
      return segment.file_offset + (address - segment.address);
    }
  }
  return std::nullopt;
}

size_t ElfFile::ReadInto(uint64_t file_offset, std::span<std::byte> out) const {
  if (file_offset >= size_) {
    return 0;
  }
  const size_t wanted = std::min<uint64_t>(out.size(), size_ - file_offset);
  if (!fd_) {
    std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(file_offset), wanted, out.begin());
    return wanted;
  }
  size_t done = 0;
  while (done < wanted) {
    const ssize_t got = ::pread(fd_.get(), out.data() + done, wanted - done,
                                static_cast<off_t>(file_offset + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    done += got;
  }
  return done;
}

std::vector<std::byte> ElfFile::Read(uint64_t file_offset, uint64_t count) const {
  if (file_offset >= size_) {
    return {};
  }
  std::vector<std::byte> bytes(std::min({count, size_ - file_offset, kMaxSectionBytes}));
  bytes.resize(ReadInto(file_offset, bytes));
  return bytes;
}

size_t ElfFile::ReadAddress(uint64_t address, std::span<std::byte> out) const {
  for (const ElfSegment& segment : segments_) {
    const uint64_t into = address - segment.address;
    if (into < segment.file_size) {
      const size_t count = std::min<uint64_t>(out.size(), segment.file_size - into);
      return ReadInto(segment.file_offset + into, out.first(count));
    }
  }
  return 0;
}

std::vector<std::byte> ElfFile::Contents(const ElfSection& section) const {
  if (section.type == SHT_NOBITS || section.size > kMaxSectionBytes) {
    return {};
  }
  auto bytes = Read(section.file_offset, section.size);
  if (bytes.size() != section.size) {
    return {};
  }
  return (section.flags & SHF_COMPRESSED) != 0 ? Inflate(bytes) : bytes;
}

}  // namespace pinfo

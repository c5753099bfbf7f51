// A read-only 64-bit x86-64 ELF file (System V gABI chapter 4), believed in nothing: whatever a
// damaged or hostile file says, reads stay inside it.
//
// The file is read with pread rather than mapped: a file that shrinks while it is mapped kills the
// reader with SIGBUS, and files of running servers are replaced under them. The descriptor stays
// open for the object's life, so that the file remains readable after its process or path is gone.
// Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collector/base/result.h"
#include "collector/base/unique_fd.h"

namespace pinfo {

struct ElfSegment {  // PT_LOAD
  uint64_t address = 0;
  uint64_t file_offset = 0;
  uint64_t file_size = 0;
  uint64_t memory_size = 0;
  bool executable = false;
};

struct ElfSection {
  std::string name;
  uint32_t type = 0;   // SHT_*
  uint64_t flags = 0;  // SHF_*
  uint64_t address = 0;
  uint64_t file_offset = 0;
  uint64_t size = 0;
  uint32_t link = 0;
  uint64_t entry_size = 0;
};

// What tells one file from another where it has no build id.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t modified_ns = 0;
  uint64_t size = 0;
  friend auto operator<=>(const FileIdentity&, const FileIdentity&) = default;
};

class ElfFile {
 public:
  // path is for messages and names only.
  static Result<std::unique_ptr<ElfFile>> Open(UniqueFd fd, std::string path);
  // Opens path below root, or, where that fails, path itself.
  static Result<std::unique_ptr<ElfFile>> Open(const std::string& root, const std::string& path);
  static Result<std::unique_ptr<ElfFile>> FromBytes(std::vector<std::byte> bytes, std::string path);

  [[nodiscard]] const std::string& path() const { return path_; }
  // NT_GNU_BUILD_ID in lower-case hexadecimal; empty where there is none.
  [[nodiscard]] const std::string& build_id() const { return build_id_; }
  [[nodiscard]] const FileIdentity& identity() const { return identity_; }
  [[nodiscard]] const std::vector<ElfSegment>& segments() const { return segments_; }
  [[nodiscard]] const std::vector<ElfSection>& sections() const { return sections_; }
  // Address of .eh_frame_hdr as PT_GNU_EH_FRAME gives it.
  [[nodiscard]] std::optional<uint64_t> eh_frame_header() const { return eh_frame_header_; }
  // -1 for a file made from bytes.
  [[nodiscard]] int fd() const { return fd_.get(); }

  [[nodiscard]] const ElfSection* FindSection(std::string_view name) const;
  [[nodiscard]] bool IsExecutable(uint64_t address) const;
  [[nodiscard]] std::optional<uint64_t> AddressOfOffset(uint64_t file_offset) const;
  [[nodiscard]] std::optional<uint64_t> OffsetOfAddress(uint64_t address) const;

  // count bytes at file_offset, or fewer where the file ends.
  [[nodiscard]] std::vector<std::byte> Read(uint64_t file_offset, uint64_t count) const;
  // The bytes in memory at address, as far as the file holds them, into out; returns how many.
  size_t ReadAddress(uint64_t address, std::span<std::byte> out) const;
  // A section's contents, inflated where SHF_COMPRESSED. Empty where the file does not hold them
  // all, or they exceed kMaxSectionBytes.
  [[nodiscard]] std::vector<std::byte> Contents(const ElfSection& section) const;

  static constexpr uint64_t kMaxSectionBytes = uint64_t{512} << 20;

 private:
  ElfFile() = default;
  Status Parse();
  void ParseSegments(std::span<const std::byte> table, uint64_t entry_size);
  void ParseSections(std::span<const std::byte> table, uint64_t entry_size, uint64_t names);
  void ParseNotes(std::span<const std::byte> notes);
  size_t ReadInto(uint64_t file_offset, std::span<std::byte> out) const;

  UniqueFd fd_;
  std::vector<std::byte> bytes_;  // where there is no descriptor
  uint64_t size_ = 0;
  std::string path_;
  std::string build_id_;
  FileIdentity identity_;
  std::vector<ElfSegment> segments_;
  std::vector<ElfSection> sections_;
  std::optional<uint64_t> eh_frame_header_;
};

}  // namespace pinfo

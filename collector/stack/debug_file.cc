#include "collector/stack/debug_file.h"

#include <array>
#include <filesystem>

#include <zlib.h>

#include "collector/stack/byte_reader.h"

namespace pinfo {
namespace {

struct DebugLink {
  std::string name;
  uint32_t checksum = 0;  // CRC-32 of the whole debug file
};

// .gnu_debuglink: a file name, zeros up to a multiple of four bytes, and a CRC-32.
DebugLink ReadDebugLink(const ElfFile& file) {
  const ElfSection* section = file.FindSection(".gnu_debuglink");
  if (section == nullptr) {
    return {};
  }
  const auto bytes = file.Contents(*section);
  ByteReader reader(bytes);
  const std::string name(reader.CString());
  reader.Seek((reader.position() + 3) / 4 * 4);
  const auto checksum = reader.Read<uint32_t>();
  // A name with a slash would lead out of the directories searched.
  if (!reader.ok() || name.find('/') != std::string::npos) {
    return {};
  }
  return {name, checksum};
}

uint32_t ChecksumOf(const ElfFile& file) {
  constexpr uint64_t kChunk = 1 << 20;
  uLong checksum = 0;
  for (uint64_t at = 0;; at += kChunk) {
    const auto bytes = file.Read(at, kChunk);
    if (bytes.empty()) {
      return static_cast<uint32_t>(checksum);
    }
    checksum = ::crc32_z(checksum, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  }
}

}  // namespace

std::unique_ptr<ElfFile> FindDebugFile(const ElfFile& file, const std::string& root) {
  if (file.fd() < 0) {
    return nullptr;  // the vdso
  }
  const std::string& id = file.build_id();
  if (id.size() > 2) {
    auto found = ElfFile::Open(
        root, "/usr/lib/debug/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug");
    if (found && (*found)->build_id() == id) {
      return std::move(*found);
    }
  }
  const DebugLink link = ReadDebugLink(file);
  if (link.name.empty()) {
    return nullptr;
  }
  const std::string directory = std::filesystem::path(file.path()).parent_path().string();
  const std::array<std::string, 3> candidates = {directory + "/" + link.name,
                                                 directory + "/.debug/" + link.name,
                                                 "/usr/lib/debug" + directory + "/" + link.name};
  for (const std::string& path : candidates) {
    auto found = ElfFile::Open(root, path);
    // A file may name itself: that is no debug file.
    if (!found || (*found)->identity() == file.identity()) {
      continue;
    }
    const bool same_id = !id.empty() && (*found)->build_id() == id;
    if (same_id || ChecksumOf(**found) == link.checksum) {
      return std::move(*found);
    }
  }
  return nullptr;
}

}  // namespace pinfo

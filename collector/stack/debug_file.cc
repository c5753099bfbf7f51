#include "collector/stack/debug_file.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <lzma.h>
#include <zlib.h>

#include "collector/stack/byte_reader.h"

namespace pinfo {
namespace {

// What xz may take to inflate; its strongest preset needs 65 MB, distributions use less.
constexpr uint64_t kMaxDecoderBytes = uint64_t{96} << 20;

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

std::unique_ptr<ElfFile> ReadEmbeddedSymbols(const ElfFile& file) {
  const ElfSection* section = file.FindSection(".gnu_debugdata");
  if (section == nullptr) {
    return nullptr;
  }
  const auto compressed = file.Contents(*section);
  lzma_stream stream = LZMA_STREAM_INIT;
  if (::lzma_stream_decoder(&stream, kMaxDecoderBytes, 0) != LZMA_OK) {
    return nullptr;
  }
  stream.next_in = reinterpret_cast<const uint8_t*>(compressed.data());
  stream.avail_in = compressed.size();
  std::vector<std::byte> inflated;
  lzma_ret result = LZMA_OK;
  // Grows with what is there: the size is not known before, and a lie would be believed.
  while (result == LZMA_OK && inflated.size() < kMaxEmbeddedBytes) {
    const size_t before = inflated.size();
    inflated.resize(std::max<size_t>(2 * before, 256 << 10));
    stream.next_out = reinterpret_cast<uint8_t*>(inflated.data()) + before;
    stream.avail_out = inflated.size() - before;
    result = ::lzma_code(&stream, LZMA_FINISH);
    inflated.resize(inflated.size() - stream.avail_out);
  }
  ::lzma_end(&stream);
  if (result != LZMA_STREAM_END) {
    return nullptr;
  }
  auto embedded = ElfFile::FromBytes(std::move(inflated), file.path());
  return embedded ? std::move(*embedded) : nullptr;
}

}  // namespace pinfo

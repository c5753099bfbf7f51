// Rings made by hand, byte by byte, so that tests can damage them; and a sink that keeps what
// comes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "collector/source/record.h"
#include "collector/source/ring_reader.h"
#include "collector/source/source.h"
#include "preload/ring.h"

namespace pinfo {

class TakingSink : public RecordSink {
 public:
  void OnRecord(std::span<const std::byte> bytes) override;

  std::vector<pinfo_record_type> types;  // of well-formed records, in order
  std::vector<uint64_t> connections;     // of CLOSE records, in order
  std::map<uint32_t, uint64_t> losses;   // by kind
  size_t malformed = 0;
  size_t process_exits = 0;
};

// A ring file as preload/writer.c makes it, for the process given.
class RingFile {
 public:
  RingFile(std::filesystem::path directory, uint32_t pid, uint64_t start_ticks,
           uint64_t data_bytes = PINFO_RING_MIN_BYTES);

  // Appends a committed CLOSE record of that connection. REQUIRES: there is room.
  void Append(uint64_t connection);
  // Appends a slot with this word and these bytes, whatever they are.
  void AppendRaw(uint64_t slot_bytes, uint64_t word, const std::string& bytes);
  // Reserves without committing.
  void Reserve(uint64_t slot_bytes) {
    header.head += slot_bytes;
    Store();
  }
  void Store();  // writes the header
  void Load();   // reads it back
  [[nodiscard]] std::string name() const { return path_.filename(); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  pinfo_ring_header header{};

 private:
  void WriteAt(uint64_t offset, const void* data, size_t bytes) const;
  std::filesystem::path path_;
};

class RingTest : public testing::Test {
 protected:
  RingTest();
  ~RingTest() override;

  std::filesystem::path directory_;
  int directory_fd_ = -1;
};

RingOwner ThisProcess();
// A process that has ended.
RingOwner DeadProcess();

}  // namespace pinfo

// What one drain of a source brought, kept until it is processed.
//
// While the machine has no CPU to spare that can be seconds, so a chunk keeps it small: the bytes
// of a request's or a response's head, which mostly are those of the one before, are kept once, and
// records refer to them. A record comes out again as it went in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "bpf/wire.h"
#include "collector/source/source.h"

namespace pinfo {

// The capturing thread fills it, then moves it on.
class Chunk : public RecordSink {
 public:
  void OnRecord(std::span<const std::byte> bytes) override;

  static constexpr uint32_t kNoText = UINT32_MAX;
  struct Extent {
    uint32_t word = 0;   // index of its first 8-byte word
    uint32_t bytes = 0;  // of the whole record
    // Of a record that was taken apart, where its captured bytes begin; else kNoText.
    uint32_t text = kNoText;
    uint32_t second_text = kNoText;  // an EXCHANGE's: those of the request

    [[nodiscard]] bool apart() const { return text != kNoText; }
  };
  // In the order in which they came. One that was taken apart is well-formed.
  [[nodiscard]] const std::vector<Extent>& records() const { return records_; }
  // REQUIRES: bytes >= sizeof(pinfo_header).
  [[nodiscard]] const pinfo_header& header(const Extent& extent) const {
    return *reinterpret_cast<const pinfo_header*>(words_.get() + extent.word);
  }
  // The record, put together in scratch if it was taken apart: then valid until scratch changes.
  std::span<const std::byte> record(const Extent& extent, std::vector<uint64_t>& scratch) const;

  // Of memory that it takes.
  [[nodiscard]] size_t byte_size() const {
    return capacity_ * sizeof(uint64_t) + records_.capacity() * sizeof(Extent);
  }
  // Makes room for what a chunk of so many words and records holds.
  void Reserve(size_t words, size_t records);
  [[nodiscard]] size_t used_words() const { return used_; }
  // It tells of processes that begin, end or map files: what /proc says of them must be looked at
  // while they are there.
  [[nodiscard]] bool pressing() const { return pressing_; }
  // Empty again, its memory kept.
  void Clear();

  // Monotonic time before the drain began: every record made before it is in this chunk or an
  // earlier one. 0 where the source is a recording.
  int64_t drained_from_ns = 0;
  // And after it: no record in it can have been made later.
  int64_t drained_to_ns = 0;

 private:
  // Texts kept lately, each in the slot of its hash.
  struct Text {
    uint32_t word = 0;
    uint32_t bytes = 0;  // 0: none
  };

  std::byte* Append(size_t bytes);  // room for so many, at the next word
  uint32_t KeepText(std::span<const std::byte> text);
  bool TakeApart(std::span<const std::byte> bytes);
  void TakeApartExchange(std::span<const std::byte> bytes);
  [[nodiscard]] const std::byte* at(uint32_t word) const {
    return reinterpret_cast<const std::byte*>(words_.get() + word);
  }

  std::unique_ptr<uint64_t[]> words_;  // of capacity_ the first used_
  size_t capacity_ = 0;
  size_t used_ = 0;
  std::vector<Extent> records_;
  std::array<Text, 64> texts_;
  bool pressing_ = false;
};

}  // namespace pinfo

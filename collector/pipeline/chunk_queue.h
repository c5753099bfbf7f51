// Records on their way from the capturing thread to the processing one.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "bpf/wire.h"
#include "collector/base/result.h"
#include "collector/source/source.h"

namespace pinfo {

// What one drain brought. The capturing thread fills it, then moves it on.
class Chunk : public RecordSink {
 public:
  void OnRecord(std::span<const std::byte> bytes) override;

  struct Extent {
    uint32_t word = 0;  // index of its first 8-byte word
    uint32_t bytes = 0;
  };
  [[nodiscard]] const std::vector<Extent>& records() const { return records_; }
  [[nodiscard]] std::span<const std::byte> record(const Extent& extent) const {
    return std::as_bytes(std::span(words_)).subspan(size_t{extent.word} * 8, extent.bytes);
  }
  // Of memory that it takes.
  [[nodiscard]] size_t byte_size() const {
    return words_.capacity() * sizeof(words_[0]) + records_.capacity() * sizeof(Extent);
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
  std::vector<uint64_t> words_;  // the first used_ of them
  size_t used_ = 0;
  std::vector<Extent> records_;
  bool pressing_ = false;
};

// What waits to be processed.
struct Backlog {
  size_t bytes = 0;
  int64_t oldest_ns = 0;  // when its first chunk was drained
  bool pressing = false;  // a chunk in it is
};

// Bounded by bytes: a full queue holds the capturing thread back, so that the loss happens, and is
// counted, in the rings. Shared by exactly two threads.
class ChunkQueue {
 public:
  explicit ChunkQueue(size_t max_bytes) : max_bytes_(max_bytes) {}

  // An empty chunk to fill: one that was handed back, whose memory is warm, or a new one.
  std::unique_ptr<Chunk> Take();
  void HandBack(std::unique_ptr<Chunk> chunk);
  // Waits while the queue is full.
  void Push(std::unique_ptr<Chunk> chunk);
  // The capturing thread is done; status says whether it failed.
  void Close(Status status);
  // The next chunk, or nullptr after timeout_ms without one.
  std::unique_ptr<Chunk> Pop(int timeout_ms);
  [[nodiscard]] Backlog Waiting() const;
  // Closed, and everything popped.
  [[nodiscard]] bool Finished() const;
  [[nodiscard]] Status status() const;
  // No more can come.
  [[nodiscard]] bool closed() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Chunk>> chunks_;
  std::vector<std::unique_ptr<Chunk>> spare_;
  size_t bytes_ = 0;
  size_t max_bytes_;
  size_t pressing_ = 0;    // chunks
  size_t last_words_ = 0;  // of the chunk pushed last: the next one will be about as large
  size_t last_records_ = 0;
  bool closed_ = false;
  Status status_;
};

}  // namespace pinfo

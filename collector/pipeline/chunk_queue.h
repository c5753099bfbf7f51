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
    size_t word = 0;  // index of its first 8-byte word
    size_t bytes = 0;
  };
  [[nodiscard]] const std::vector<Extent>& records() const { return records_; }
  [[nodiscard]] std::span<const std::byte> record(const Extent& extent) const {
    return std::as_bytes(std::span(words_)).subspan(extent.word * 8, extent.bytes);
  }
  [[nodiscard]] size_t byte_size() const { return used_ * 8; }
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
  bool closed_ = false;
  Status status_;
};

}  // namespace pinfo

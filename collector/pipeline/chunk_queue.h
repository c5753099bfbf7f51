// Records on their way from the capturing thread to the processing one.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "collector/base/result.h"
#include "collector/pipeline/chunk.h"

namespace pinfo {

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

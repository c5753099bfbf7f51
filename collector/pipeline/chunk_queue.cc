#include "collector/pipeline/chunk_queue.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace pinfo {
namespace {

// What is kept for reuse: the chunks of a hold-back's time, each up to 1 MB.
constexpr size_t kSpareChunks = 4;
constexpr size_t kKeptWords = (1 << 20) / 8;

}  // namespace

std::unique_ptr<Chunk> ChunkQueue::Take() {
  std::unique_ptr<Chunk> chunk;
  size_t words = 0;
  size_t records = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      chunk = std::move(spare_.back());
      spare_.pop_back();
      return chunk;
    }
    words = std::min(last_words_ + last_words_ / 8, kKeptWords);
    records = std::min(last_records_ + last_records_ / 8, kKeptWords);
  }
  chunk = std::make_unique<Chunk>();
  chunk->Reserve(words, records);
  return chunk;
}

void ChunkQueue::HandBack(std::unique_ptr<Chunk> chunk) {
  chunk->Clear();
  const std::lock_guard lock(mutex_);
  if (spare_.size() < kSpareChunks) {
    spare_.push_back(std::move(chunk));
  }
}

void ChunkQueue::Push(std::unique_ptr<Chunk> chunk) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return bytes_ < max_bytes_; });
  bytes_ += chunk->byte_size();
  pressing_ += chunk->pressing() ? 1 : 0;
  last_words_ = chunk->used_words();
  last_records_ = chunk->records().size();
  chunks_.push_back(std::move(chunk));
  changed_.notify_all();
}

void ChunkQueue::Close(Status status) {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  status_ = std::move(status);
  changed_.notify_all();
}

std::unique_ptr<Chunk> ChunkQueue::Pop(int timeout_ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                    [this] { return !chunks_.empty() || closed_; });
  if (chunks_.empty()) {
    return nullptr;
  }
  std::unique_ptr<Chunk> chunk = std::move(chunks_.front());
  chunks_.pop_front();
  bytes_ -= chunk->byte_size();
  pressing_ -= chunk->pressing() ? 1 : 0;
  changed_.notify_all();
  return chunk;
}

Backlog ChunkQueue::Waiting() const {
  const std::lock_guard lock(mutex_);
  return {.bytes = bytes_,
          .oldest_ns = chunks_.empty() ? INT64_MAX : chunks_.front()->drained_from_ns,
          .pressing = pressing_ > 0};
}

bool ChunkQueue::Finished() const {
  const std::lock_guard lock(mutex_);
  return closed_ && chunks_.empty();
}

bool ChunkQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

Status ChunkQueue::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

}  // namespace pinfo

#include "collector/pipeline/chunk_queue.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

namespace pinfo {
namespace {

// What is kept for reuse: the chunks of a hold-back's time, each up to 1 MB.
constexpr size_t kSpareChunks = 4;
constexpr size_t kKeptWords = (1 << 20) / 8;

}  // namespace

void Chunk::OnRecord(std::span<const std::byte> bytes) {
  // The kernel's ring reserves in few sizes: what lies behind the record itself is left there.
  pinfo_header header{};
  if (bytes.size() >= sizeof(header)) {
    std::memcpy(&header, bytes.data(), sizeof(header));
    bytes =
        bytes.first(std::min<size_t>(bytes.size(), std::max<size_t>(header.size, sizeof(header))));
  }
  const size_t word = used_;
  used_ += (bytes.size() + 7) / 8;
  if (used_ > words_.size()) {
    words_.resize(std::max(used_, 2 * words_.size()));
  }
  std::memcpy(words_.data() + word, bytes.data(), bytes.size());
  records_.push_back({.word = word, .bytes = bytes.size()});
}

void Chunk::Clear() {
  if (words_.size() > kKeptWords) {
    words_ = {};
    records_ = {};
  }
  used_ = 0;
  records_.clear();
  drained_from_ns = 0;
  drained_to_ns = 0;
}

std::unique_ptr<Chunk> ChunkQueue::Take() {
  const std::lock_guard lock(mutex_);
  if (spare_.empty()) {
    return std::make_unique<Chunk>();
  }
  std::unique_ptr<Chunk> chunk = std::move(spare_.back());
  spare_.pop_back();
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
  changed_.notify_all();
  return chunk;
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

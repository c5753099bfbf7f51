#include "collector/pipeline/orderer.h"

#include <algorithm>
#include <utility>

namespace pinfo {
namespace {

// Steps that insertion may take a record before sorting is left to the library.
constexpr size_t kNearlySorted = 16;

}  // namespace

size_t Orderer::Add(std::unique_ptr<Chunk> chunk) {
  const uint64_t latest = chunk->drained_to_ns != 0
                              ? static_cast<uint64_t>(chunk->drained_to_ns + kClockSlackNs)
                              : uint64_t{INT64_MAX};
  size_t malformed = 0;
  Held& held = held_.emplace_back();
  held.chunk = std::move(chunk);
  const std::vector<Chunk::Extent>& records = held.chunk->records();
  for (uint32_t i = 0; i < records.size(); ++i) {
    if (!records[i].apart() && !DecodeRecord(held.chunk->record(records[i], scratch_))) {
      ++malformed;
      continue;
    }
    const uint64_t time_ns = held.chunk->header(records[i]).time_ns;
    if (time_ns > latest) {
      ++malformed;
      continue;
    }
    entries_.push_back({time_ns, i, &held});
    ++held.left;
    newest_ns_ = std::max(newest_ns_, static_cast<int64_t>(time_ns));
  }
  return malformed;
}

// Stable: records of one moment keep the order in which they were drained. Insertion, because each
// record is at most a few places from its own.
void Orderer::Sort() {
  const auto later = [](const Entry& a, const Entry& b) { return a.time_ns > b.time_ns; };
  size_t steps = kNearlySorted * (entries_.size() - sorted_);
  for (size_t i = std::max<size_t>(sorted_, 1); i < entries_.size(); ++i) {
    if (!later(entries_[i - 1], entries_[i])) {
      continue;
    }
    const Entry entry = entries_[i];
    size_t at = i;
    while (at > 0 && steps > 0 && later(entries_[at - 1], entry)) {
      entries_[at] = entries_[at - 1];
      --at;
      --steps;
    }
    entries_[at] = entry;
    if (steps == 0) {
      std::stable_sort(entries_.begin(), entries_.end(),
                       [](const Entry& a, const Entry& b) { return a.time_ns < b.time_ns; });
      break;
    }
  }
  sorted_ = entries_.size();
}

void Orderer::Release(int64_t until_ns, const std::function<void(const RecordView&)>& visit) {
  if (until_ns < 0) {
    return;
  }
  Sort();
  auto end = entries_.begin();
  while (end != entries_.end() && end->time_ns <= static_cast<uint64_t>(until_ns)) {
    const Chunk& chunk = *end->held->chunk;
    visit(*DecodeRecord(chunk.record(chunk.records()[end->record], scratch_)));
    --end->held->left;
    ++end;
  }
  entries_.erase(entries_.begin(), end);
  sorted_ = entries_.size();
  while (!held_.empty() && held_.front().left == 0) {
    if (on_empty_) {
      on_empty_(std::move(held_.front().chunk));
    }
    held_.pop_front();
  }
}

}  // namespace pinfo

#include "collector/pipeline/orderer.h"

#include <algorithm>

namespace pinfo {

size_t Orderer::Add(std::shared_ptr<const Chunk> chunk) {
  size_t malformed = 0;
  entries_.reserve(entries_.size() + chunk->records().size());
  for (const Chunk::Extent& extent : chunk->records()) {
    const auto record = DecodeRecord(chunk->record(extent));
    if (!record) {
      ++malformed;
      continue;
    }
    entries_.push_back({record->header().time_ns, *record, chunk});
    newest_ns_ = std::max(newest_ns_, static_cast<int64_t>(record->header().time_ns));
  }
  sorted_ = false;
  return malformed;
}

void Orderer::Release(int64_t until_ns, const std::function<void(const RecordView&)>& visit) {
  if (until_ns < 0) {
    return;
  }
  if (!sorted_) {
    // Stable: records of one moment keep the order in which they were drained.
    std::stable_sort(entries_.begin(), entries_.end(),
                     [](const Entry& a, const Entry& b) { return a.time_ns < b.time_ns; });
    sorted_ = true;
  }
  auto end = entries_.begin();
  while (end != entries_.end() && end->time_ns <= static_cast<uint64_t>(until_ns)) {
    visit(end->record);
    ++end;
  }
  entries_.erase(entries_.begin(), end);
}

}  // namespace pinfo

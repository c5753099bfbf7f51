// Puts the records of several rings and CPUs into the order of their times.
//
// A record's time is taken shortly before it is put into its ring, and rings are drained one after
// the other: records come nearly in order. What is younger than a hold-back is kept until the next
// drain. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "collector/pipeline/chunk_queue.h"
#include "collector/source/record.h"

namespace pinfo {

class Orderer {
 public:
  static constexpr int64_t kHoldBackNs = 20'000'000;

  // Decodes and keeps the chunk's records. Returns how many were malformed.
  size_t Add(std::shared_ptr<const Chunk> chunk);

  // Visits, in order, every kept record whose time is at most until_ns.
  void Release(int64_t until_ns, const std::function<void(const RecordView&)>& visit);

  // The latest time of any record seen.
  [[nodiscard]] int64_t newest_ns() const { return newest_ns_; }

 private:
  struct Entry {
    uint64_t time_ns;
    RecordView record;
    std::shared_ptr<const Chunk> chunk;  // keeps the record's memory
  };
  std::vector<Entry> entries_;
  bool sorted_ = true;
  int64_t newest_ns_ = 0;
};

}  // namespace pinfo

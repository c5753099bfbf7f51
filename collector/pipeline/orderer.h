// Puts the records of several rings and CPUs into the order of their times.
//
// A record's time is taken shortly before it is put into its ring, and rings are drained one after
// the other: records come nearly in order. What is younger than a hold-back is kept until the next
// drain. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "collector/pipeline/chunk_queue.h"
#include "collector/source/record.h"

namespace pinfo {

class Orderer {
 public:
  static constexpr int64_t kHoldBackNs = 20'000'000;
  // Clocks of the CPUs agree to less than this.
  static constexpr int64_t kClockSlackNs = 1'000'000;

  // on_empty: gets each chunk back once all its records have been visited.
  explicit Orderer(std::function<void(std::unique_ptr<Chunk>)> on_empty = {})
      : on_empty_(std::move(on_empty)) {}

  // Checks and keeps the chunk's records. Returns how many were malformed: could not be decoded,
  // or claim to have been made after they were drained.
  size_t Add(std::unique_ptr<Chunk> chunk);

  // Visits, in order, every kept record whose time is at most until_ns. A record's view is valid
  // only during the visit.
  void Release(int64_t until_ns, const std::function<void(const RecordView&)>& visit);

  // The latest time of any record seen.
  [[nodiscard]] int64_t newest_ns() const { return newest_ns_; }

 private:
  struct Held {
    std::unique_ptr<Chunk> chunk;
    size_t left = 0;  // records not yet visited
  };
  struct Entry {
    uint64_t time_ns;
    uint32_t record;  // index into its chunk's
    Held* held;
  };
  void Sort();

  std::function<void(std::unique_ptr<Chunk>)> on_empty_;
  std::deque<Held> held_;
  std::vector<Entry> entries_;
  std::vector<uint64_t> scratch_;
  size_t sorted_ = 0;  // so many of the first are in order
  int64_t newest_ns_ = 0;
};

}  // namespace pinfo

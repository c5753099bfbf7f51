// One ring of a preloaded process (preload/ring.h), read with suspicion: its writer may be hostile,
// dying or dead.
//
// The file is read with pread(2) into memory of the reader's own, never mapped: truncation cannot
// raise SIGBUS, and what has been checked cannot change afterwards. A call handles at most one ring
// of bytes, so no writer can keep it busy. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/base/unique_fd.h"
#include "collector/source/source.h"
#include "preload/ring.h"

namespace pinfo {

// A process as its ring's file name gives it.
struct RingOwner {
  uint32_t pid = 0;
  uint64_t start_ticks = 0;
};

// "pinfo.<pid>.<start ticks>.ring", or nullopt for any other name.
std::optional<RingOwner> ParseRingName(const std::string& name);

// Whether that very process runs on this machine (a zombie does not). A ring of an earlier boot is
// not known by that: see RingReader::OwnerRuns.
bool OwnerAlive(const RingOwner& owner);

class RingReader {
 public:
  enum class OpenError {
    kStarting,  // the process has not begun to record; try again later
    kBusy,      // another collector drains it
    kDamaged,   // not a ring, or one of another version
    kGone,      // no such file, or no permission
  };

  // Opens and locks the ring `name` in the directory.
  static tl::expected<RingReader, OpenError> Open(int directory, const std::string& name);

  // Hands what is there to sink; emits LOSS records for counters that have grown and for bytes
  // skipped. owner_alive: whether a slot reserved and not committed may still be completed; where
  // it is not, or has not been for two seconds, it is skipped. Returns the records of the ring.
  size_t Drain(RecordSink& sink, bool owner_alive, uint64_t now_ns);

  // Everything that was written has been read, or nothing more can be.
  [[nodiscard]] bool drained() const { return damaged_ || position_ == head_; }
  [[nodiscard]] const RingOwner& owner() const { return owner_; }
  [[nodiscard]] bool OwnerRuns() const { return this_boot_ && OwnerAlive(owner_); }
  // An EXIT record with process_ended went by after the last sign of life.
  [[nodiscard]] bool saw_exit() const { return saw_exit_; }
  // Tells the writers whether anybody reads.
  void SetStopped(bool stopped);

 private:
  RingReader(UniqueFd fd, const RingOwner& owner, const pinfo_ring_header& header);
  bool ReadHeader(pinfo_ring_header& header) const;
  bool ReadData(uint64_t position, size_t bytes);
  uint64_t Contiguous(uint64_t position) const;
  size_t Consume(RecordSink& sink, size_t bytes, size_t& records);
  void SkipToCommitted(RecordSink& sink, uint64_t now_ns);
  bool Unstick(RecordSink& sink, bool owner_alive, uint64_t now_ns, bool skipped_before);
  void EmitLosses(RecordSink& sink, const pinfo_ring_header& header, uint64_t now_ns);
  void EmitLoss(RecordSink& sink, pinfo_loss_kind kind, uint64_t count, uint64_t now_ns) const;
  void Damage(RecordSink& sink, uint64_t bytes, uint64_t now_ns);
  void StoreTail() const;

  UniqueFd fd_;
  RingOwner owner_;
  uint64_t data_bytes_;
  uint64_t position_;  // read up to here
  uint64_t head_;      // as last seen
  uint64_t stuck_since_ns_ = 0;
  bool this_boot_;
  bool damaged_ = false;
  bool saw_exit_ = false;
  std::vector<uint64_t> losses_;
  std::vector<uint64_t> buffer_;  // uint64_t: records must be 8-byte aligned
};

}  // namespace pinfo

// What the records of one turn have told so far. A plain value of its connection; no protocol here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/wire.h"
#include "collector/base/ids.h"
#include "collector/request/segments.h"

namespace pinfo {

// Wire times and sizes are unsigned and may come from a hostile producer: clamped to 2^62 (146
// years or 4 EiB), so that sums and differences of two of them fit.
inline constexpr uint64_t kMaxFigure = uint64_t{1} << 62;
constexpr int64_t ToSigned(uint64_t value) {
  return static_cast<int64_t>(value > kMaxFigure ? kMaxFigure : value);
}
// REQUIRES: 0 <= sum <= kMaxFigure.
constexpr int64_t AddSigned(int64_t sum, uint64_t value) {
  return ToSigned(static_cast<uint64_t>(sum) + static_cast<uint64_t>(ToSigned(value)));
}

// One RESPONSE record: the bytes [begin, end) of what a turn sent, some of them captured.
struct OutRecord {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t last_sent = 0;  // bytes of its last send
  int64_t first_out_ns = 0;
  int64_t last_out_ns = 0;
  Tid tid;
  bool end_seen = false;  // PINFO_RESPONSE_END_SEEN
  bool spent_valid = false;
  pinfo_thread_time spent{};
  // Captured bytes: the first `captured`, then front and back of the last send.
  std::string bytes;
  size_t captured = 0;
  size_t front = 0;

  [[nodiscard]] std::string_view FrontOfLast() const {
    return std::string_view(bytes).substr(captured, front);
  }
  [[nodiscard]] std::string_view BackOfLast() const {
    return std::string_view(bytes).substr(captured + front);
  }
  // What was captured at that offset of the turn's stream, as far as it goes without a gap.
  [[nodiscard]] std::string_view VisibleAt(uint64_t offset) const;
  // Where the next captured byte after a gap at `offset` lies; end if there is none.
  [[nodiscard]] uint64_t NextVisible(uint64_t offset) const;
  // Whether its first send begins a response of HTTP/1.x.
  [[nodiscard]] bool BeginsResponse() const;
};

struct TurnRecord {
  explicit TurnRecord(uint32_t turn_number) : number(turn_number) {}

  // Later records of the turn add to what is known; a repeated one changes nothing.
  void Add(const pinfo_received& record, std::string_view payload);
  void Add(const pinfo_response& record, std::string_view payload);
  void Add(const pinfo_segment& record);

  // With what the last record of the response says of the thread that sent it.
  [[nodiscard]] std::vector<Segment> SegmentsWith(const OutRecord& last) const;

  // What is missing between the records of what was sent will not come any more.
  void GiveUpGaps();

  // When the byte at that offset of the turn was handed to the server.
  [[nodiscard]] int64_t TimeOf(uint64_t offset) const;

  // The record that tells of the byte at that offset of what was sent; nullptr: none. Offsets only
  // grow: DropBefore forgets what lies before.
  [[nodiscard]] const OutRecord* OutAt(uint64_t offset) const;
  void DropBefore(uint64_t offset);
  // Where the next record after `offset` begins whose first send begins a response; bytes_out if
  // there is none.
  [[nodiscard]] uint64_t NextResponseAfter(uint64_t offset) const;

  uint32_t number;
  bool received = false;   // a RECEIVED record was seen
  bool responded = false;  // a RESPONSE record was seen
  bool partial = false;
  bool old = false;        // PINFO_RECEIVED_OLD
  bool read = false;  // its requests have been taken out of prefix

  Pid pid;
  Tid begin_tid;
  int64_t start_ns = 0;
  int64_t established_ns = 0;
  uint64_t previous_out = 0;  // bytes sent in the turn before; with received

  std::string prefix;     // the bytes captured without a gap from the turn's beginning
  uint64_t bytes_in = 0;  // the most that any record told

  uint64_t bytes_out = 0;  // told of without a gap
  bool out_lost = false;   // records of some of bytes_out are missing
  int64_t last_out_ns = 0;
  std::vector<Segment> segments;  // as SEGMENT records tell them

 private:
  struct Arrival {
    uint64_t offset;
    int64_t time_ns;
  };
  void Append(OutRecord record);

  std::vector<Arrival> later_;    // reads after the turn's first one
  std::vector<OutRecord> out_;    // in order, one beginning where the other ends
  size_t first_out_ = 0;          // of out_: what lies before has been read
  std::vector<OutRecord> early_;  // what comes after a gap
};

}  // namespace pinfo

// What the records of one turn have told so far. A plain value of its connection; no protocol here.
#pragma once

#include <cstdint>
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

struct TurnRecord {
  explicit TurnRecord(uint32_t turn_number) : number(turn_number) {}

  // Later records of the turn add to what is known; a repeated one changes nothing.
  void Add(const pinfo_received& record, std::string_view payload);
  void Add(const pinfo_response& record, std::string_view payload);
  void Add(const pinfo_segment& record);

  // With what the response says of the thread that sent it.
  [[nodiscard]] std::vector<Segment> Segments() const;

  // When the byte at that offset of the turn was handed to the server.
  [[nodiscard]] int64_t TimeOf(uint64_t offset) const;

  uint32_t number;
  bool received = false;   // a RECEIVED record was seen
  bool responded = false;  // a RESPONSE record was seen
  bool partial = false;
  bool read = false;  // its requests have been taken out of prefix

  Pid pid;
  Tid begin_tid;
  Tid end_tid;
  int64_t start_ns = 0;
  int64_t established_ns = 0;

  std::string prefix;     // the bytes captured without a gap from the turn's beginning
  uint64_t bytes_in = 0;  // the most that any record told

  std::string out_prefix;  // the response's captured beginning
  uint64_t bytes_out = 0;
  int64_t first_out_ns = 0;
  int64_t last_out_ns = 0;
  bool spent_valid = false;
  pinfo_thread_time spent{};
  std::vector<Segment> segments;  // as SEGMENT records tell them

 private:
  struct Arrival {
    uint64_t offset;
    int64_t time_ns;
  };
  std::vector<Arrival> later_;  // reads after the turn's first one
};

}  // namespace pinfo

#include "collector/request/turn_record.h"

#include <algorithm>

namespace pinfo {
namespace {

// Producers carry at most PINFO_CAPTURE_MAX bytes of a turn and one buffer more.
constexpr size_t kMaxPrefix = 2 * PINFO_CAPTURE_MAX;
constexpr size_t kMaxArrivals = 256;
// Of one turn: a conversation that goes on for longer counts as waiting from here on.
constexpr size_t kMaxSegments = 1024;

}  // namespace

void TurnRecord::Add(const pinfo_received& record, std::string_view payload) {
  if (!received) {
    received = true;
    pid = Pid{record.header.pid};
    begin_tid = Tid{record.header.tid};
    start_ns = ToSigned(record.start_ns);
    established_ns = ToSigned(record.established_ns);
  }
  partial |= (record.flags & PINFO_RECEIVED_PARTIAL) != 0;
  if (record.offset == prefix.size() && prefix.size() + payload.size() <= kMaxPrefix) {
    prefix.append(payload);
  }
  const uint64_t end = record.offset + record.received;
  if (end >= record.offset) {
    bytes_in = std::max<uint64_t>(bytes_in, end);
  }
  bytes_in = std::clamp<uint64_t>(bytes_in, prefix.size(), kMaxFigure);
  if (record.offset > 0 && later_.size() < kMaxArrivals) {
    later_.push_back({record.offset, ToSigned(record.header.time_ns)});
  }
}

void TurnRecord::Add(const pinfo_response& record, std::string_view payload) {
  if (!responded) {
    responded = true;
    first_out_ns = ToSigned(record.first_out_ns);
    if (!received) {
      pid = Pid{record.header.pid};
      begin_tid = Tid{record.begin_tid};
      start_ns = ToSigned(record.start_ns);
    }
  }
  if (out_prefix.empty()) {
    out_prefix.assign(payload);
  }
  partial |= (record.flags & PINFO_RESPONSE_PARTIAL) != 0;
  bytes_in = std::min(std::max<uint64_t>(bytes_in, record.bytes_in), kMaxFigure);
  const uint64_t out = std::clamp<uint64_t>(record.bytes_out, out_prefix.size(), kMaxFigure);
  if (out < bytes_out) {
    return;
  }
  bytes_out = out;
  last_out_ns = std::max(last_out_ns, ToSigned(record.last_out_ns));
  end_tid = Tid{record.header.tid};
  spent_valid =
      (record.flags & PINFO_RESPONSE_TIMES_VALID) != 0 && record.begin_tid == record.header.tid;
  spent = record.spent;
}

void TurnRecord::Add(const pinfo_segment& record) {
  const Segment segment{.tid = Tid{record.header.tid},
                        .begin_ns = ToSigned(record.begin_ns),
                        .end_ns = ToSigned(record.end_ns),
                        .spent = record.spent,
                        .adopted = (record.flags & PINFO_SEGMENT_ADOPTED) != 0};
  const auto same = std::ranges::find_if(segments, [&segment](const Segment& each) {
    return each.tid == segment.tid && each.begin_ns == segment.begin_ns;
  });
  if (same != segments.end()) {
    *same = segment;
  } else if (segments.size() < kMaxSegments) {
    segments.push_back(segment);
  }
}

std::vector<Segment> TurnRecord::Segments() const {
  std::vector<Segment> all = segments;
  if (spent_valid) {
    all.push_back({.tid = end_tid,
                   .begin_ns = start_ns,
                   .end_ns = last_out_ns,
                   .spent = spent,
                   .adopted = false});
  }
  return all;
}

int64_t TurnRecord::TimeOf(uint64_t offset) const {
  int64_t time = start_ns;
  for (const Arrival& arrival : later_) {
    if (arrival.offset <= offset) {
      time = std::max(time, arrival.time_ns);
    }
  }
  return time;
}

}  // namespace pinfo

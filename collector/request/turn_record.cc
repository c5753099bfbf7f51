#include "collector/request/turn_record.h"

#include <algorithm>
#include <utility>

#include "bpf/turn.h"

namespace pinfo {
namespace {

// Producers carry at most PINFO_HEAD_CAPTURE_MAX bytes of a turn and one buffer more.
constexpr size_t kMaxPrefix = PINFO_HEAD_CAPTURE_MAX + PINFO_CAPTURE_MAX;
constexpr size_t kMaxArrivals = 256;
// Of one turn: a conversation that goes on for longer counts as waiting from here on.
constexpr size_t kMaxSegments = 1024;
constexpr size_t kMaxEarly = 16;
// A head sent in pieces, gathered from the records of each.
constexpr size_t kMaxGathered = 2 * PINFO_RESPONSE_HEAD_MAX;
constexpr size_t kBeginningBytes = 8;  // what pinfo_begins_response wants

OutRecord ToOutRecord(const pinfo_response& record, std::string_view payload) {
  OutRecord out;
  out.begin = std::min<uint64_t>(record.offset, kMaxFigure);
  out.captured = std::min<size_t>(record.captured, payload.size());
  out.front = std::min<size_t>(record.front, payload.size() - out.captured);
  out.end = std::clamp<uint64_t>(record.bytes_out, out.begin + out.captured, 2 * kMaxFigure);
  out.last_sent = record.last_sent;
  // A hostile producer's figures may contradict each other: then the ends are not believed.
  const size_t ends = payload.size() - out.captured;
  if (ends > out.last_sent || out.last_sent > out.end - out.begin) {
    payload = payload.substr(0, out.captured);
    out.front = 0;
    out.end_seen = false;
  } else {
    out.end_seen = (record.flags & PINFO_RESPONSE_END_SEEN) != 0;
  }
  out.bytes = payload;
  out.first_out_ns = ToSigned(record.first_out_ns);
  out.last_out_ns = ToSigned(record.last_out_ns);
  out.tid = Tid{record.header.tid};
  out.spent_valid =
      (record.flags & PINFO_RESPONSE_TIMES_VALID) != 0 && record.begin_tid == record.header.tid;
  out.spent = record.spent;
  return out;
}

// What `from` says of how far it came stands from now on.
void TakeFigures(OutRecord& to, const OutRecord& from) {
  to.bytes.resize(to.captured);
  to.bytes.append(from.bytes, from.captured);
  to.front = from.front;
  to.end = from.end;
  to.last_sent = from.last_sent;
  to.last_out_ns = std::max(to.last_out_ns, from.last_out_ns);
  to.tid = from.tid;
  to.end_seen = from.end_seen;
  to.spent_valid = from.spent_valid;
  to.spent = from.spent;
}

}  // namespace

std::string_view OutRecord::VisibleAt(uint64_t offset) const {
  if (offset < begin || offset >= end) {
    return {};
  }
  const std::string_view all = bytes;
  if (offset < begin + captured) {
    return all.substr(offset - begin, captured - (offset - begin));
  }
  const size_t back = bytes.size() - captured - front;
  if (offset >= end - back) {
    return all.substr(captured + front + (offset - (end - back)));
  }
  const uint64_t last = end - last_sent;
  if (front > 0 && offset >= last && offset < last + front) {
    return all.substr(captured + (offset - last), front - (offset - last));
  }
  return {};
}

uint64_t OutRecord::NextVisible(uint64_t offset) const {
  const uint64_t back_at = end - (bytes.size() - captured - front);
  const uint64_t front_at = end - last_sent;
  return front > 0 && offset < front_at ? front_at : offset < back_at ? back_at : end;
}

bool OutRecord::BeginsResponse() const {
  return captured >= kBeginningBytes &&
         pinfo_begins_response(reinterpret_cast<const unsigned char*>(bytes.data())) != 0;
}

void TurnRecord::Add(const pinfo_received& record, std::string_view payload) {
  if (!received) {
    received = true;
    pid = Pid{record.header.pid};
    begin_tid = Tid{record.header.tid};
    start_ns = ToSigned(record.start_ns);
    established_ns = ToSigned(record.established_ns);
    previous_out = std::min<uint64_t>(record.previous_out, kMaxFigure);
  }
  partial |= (record.flags & PINFO_RECEIVED_PARTIAL) != 0;
  old |= (record.flags & PINFO_RECEIVED_OLD) != 0;
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
  if (!responded && !received) {
    pid = Pid{record.header.pid};
    begin_tid = Tid{record.begin_tid};
    start_ns = ToSigned(record.start_ns);
  }
  responded = true;
  partial |= (record.flags & PINFO_RESPONSE_PARTIAL) != 0;
  bytes_in = std::min(std::max<uint64_t>(bytes_in, record.bytes_in), kMaxFigure);
  OutRecord out = ToOutRecord(record, payload);
  if (out.begin > bytes_out) {
    if (early_.size() >= kMaxEarly) {
      GiveUpGaps();
    }
    const auto later = [&out](const OutRecord& other) { return other.begin > out.begin; };
    early_.insert(std::find_if(early_.begin(), early_.end(), later), std::move(out));
    if (early_.size() < kMaxEarly) {
      return;
    }
  } else {
    Append(std::move(out));
  }
  while (!early_.empty() && early_.front().begin <= bytes_out) {
    Append(std::move(early_.front()));
    early_.erase(early_.begin());
  }
}

void TurnRecord::GiveUpGaps() {
  for (OutRecord& record : early_) {
    out_lost |= record.begin > bytes_out;
    bytes_out = std::max(bytes_out, record.begin);
    Append(std::move(record));
  }
  early_.clear();
}

// REQUIRES: no gap before the record.
void TurnRecord::Append(OutRecord record) {
  if (record.end <= bytes_out || bytes_out >= kMaxFigure) {
    return;
  }
  last_out_ns = std::max(last_out_ns, record.last_out_ns);
  OutRecord* const last = out_.size() > first_out_ ? &out_.back() : nullptr;
  const bool all_captured =
      last != nullptr && last->end == bytes_out && last->captured == last->end - last->begin;
  if (record.begin == bytes_out && all_captured && record.captured > 0 &&
      !record.BeginsResponse() && last->bytes.size() + record.captured <= kMaxGathered) {
    last->bytes.resize(last->captured);
    last->bytes.append(record.bytes, 0, record.captured);
    last->captured += record.captured;
    TakeFigures(*last, record);
  } else if (record.begin < bytes_out && last != nullptr && last->end == bytes_out &&
             record.begin <= last->begin) {
    // The same with more to it: what two threads' records or repeated ones told.
    if (record.begin == last->begin && record.captured >= last->captured) {
      last->bytes = record.bytes;
      last->captured = record.captured;
    }
    TakeFigures(*last, record);
  } else {
    out_.push_back(std::move(record));
  }
  bytes_out = std::min(out_.back().end, kMaxFigure);
}

const OutRecord* TurnRecord::OutAt(uint64_t offset) const {
  for (size_t i = first_out_; i < out_.size(); ++i) {
    if (offset < out_[i].end) {
      return offset >= out_[i].begin ? &out_[i] : nullptr;
    }
  }
  return nullptr;
}

void TurnRecord::DropBefore(uint64_t offset) {
  // The last one stays: its figures are those of what ended with it.
  while (first_out_ + 1 < out_.size() && out_[first_out_].end <= offset) {
    out_[first_out_++] = {};
  }
  if (first_out_ > 64) {
    out_.erase(out_.begin(), out_.begin() + static_cast<std::ptrdiff_t>(first_out_));
    first_out_ = 0;
  }
}

uint64_t TurnRecord::NextResponseAfter(uint64_t offset) const {
  for (size_t i = first_out_; i < out_.size(); ++i) {
    if (out_[i].begin > offset && out_[i].BeginsResponse()) {
      return std::min(out_[i].begin, bytes_out);
    }
  }
  return bytes_out;
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

std::vector<Segment> TurnRecord::SegmentsWith(const OutRecord& last) const {
  std::vector<Segment> all = segments;
  if (last.spent_valid) {
    all.push_back({.tid = last.tid,
                   .begin_ns = start_ns,
                   .end_ns = last.last_out_ns,
                   .spent = last.spent,
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

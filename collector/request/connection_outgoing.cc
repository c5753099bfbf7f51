#include <algorithm>

#include "collector/request/connection.h"

namespace pinfo {
namespace {

bool IsInterim(int32_t status) { return status >= 100 && status < 200 && status != 101; }

// What a record's figures say of a request whose response it carries.
void TakeFigures(OpenRequest& open, const TurnRecord& turn, const OutRecord& record) {
  ServedRequest& request = open.request;
  request.last_turn = turn.number;
  request.end_ns = std::max(request.end_ns, record.last_out_ns);
  request.end_tid = record.tid;
  open.partial |= turn.partial;
  request.spent.reset();
  request.parts.clear();
  if (!open.from_turn_start || request.first_turn != turn.number) {
    return;
  }
  if (!turn.segments.empty()) {
    Work work = WorkOf(turn.SegmentsWith(record), turn.start_ns, request.end_ns);
    request.spent = work.spent;
    request.parts = std::move(work.parts);
  } else if (record.spent_valid) {
    request.spent = record.spent;
  }
}

}  // namespace

// last: no more of the turn will come; what waited for more is read as it stands.
void Connection::ReadOutgoing(TurnRecord& turn, bool last) {
  if (!turn.responded || upgraded_) {
    return;
  }
  last_activity_ns_ = std::max(last_activity_ns_, turn.last_out_ns);
  while (out_at_ < turn.bytes_out) {
    if (open_count() == 0 && !AddUnexpected(turn)) {
      break;
    }
    DropContradicted(turn);
    OpenRequest& open = front();
    Step step = Step::kAgain;
    while (step == Step::kAgain) {
      step = ReadResponse(open, turn, last);
    }
    if (step == Step::kWait) {
      break;
    }
    Complete(open);
    if (upgraded_) {
      return;
    }
  }
  turn.DropBefore(out_at_);
}

// A response that is said to go on from an earlier turn, and a send that begins another: not all
// that was sent was seen. The earlier one is over; its own figures are too small.
void Connection::DropContradicted(const TurnRecord& turn) {
  if (out_at_ != 0 || unpaired_ || open_count() < 2) {
    return;
  }
  const OpenRequest& open = front();
  const bool in_body =
      open.state == ResponseState::kLength || open.state == ResponseState::kChunked;
  const OutRecord* const record = turn.OutAt(0);
  if (in_body && open.request.last_turn != turn.number && record != nullptr &&
      record->BeginsResponse()) {
    ReportAndPop(EndCause::kLost, false);
  }
}

// Bytes went out that no open request explains.
bool Connection::AddUnexpected(const TurnRecord& turn) {
  if (!carry_.bytes.empty()) {  // the answer to a beginning: a timeout, a refusal, or not HTTP
    OpenCarry(turn);
    return true;
  }
  if (reported_in_turn_ > 0 && !unseen_in_turn_) {
    return false;
  }
  ResponseHead head;
  const OutRecord* const record = turn.OutAt(out_at_);
  const std::string_view seen = record != nullptr ? record->VisibleAt(out_at_) : std::string_view{};
  if (seen.empty() || ParseResponseHead(seen, {}, head).outcome == ParseOutcome::kNotHttp) {
    return false;
  }
  pipelined_ |= reported_in_turn_ > 0;
  AddUnseen(turn, carry_.inserted);
  return true;
}

Connection::Step Connection::ReadResponse(OpenRequest& open, const TurnRecord& turn, bool last) {
  if (out_at_ >= turn.bytes_out && open.state != ResponseState::kLength) {
    return Step::kWait;
  }
  if (unpaired_) {
    return TakeRest(open, turn);
  }
  switch (open.state) {
    case ResponseState::kNone:
    case ResponseState::kInterim:
      return ReadHead(open, turn, last);
    case ResponseState::kLength:
      return ReadLength(open, turn);
    case ResponseState::kChunked:
      return ReadChunks(open, turn);
    case ResponseState::kUntilClose:
    case ResponseState::kUnframed:
      return TakeRest(open, turn);
  }
  return Step::kWait;
}

Connection::Step Connection::ReadHead(OpenRequest& open, const TurnRecord& turn, bool last) {
  const OutRecord* const record = turn.OutAt(out_at_);
  const std::string_view seen = record != nullptr ? record->VisibleAt(out_at_) : std::string_view{};
  if (seen.empty()) {
    return PassUnseen(open, turn);
  }
  const std::string_view method = open.method_known ? open.request.method : std::string_view{};
  ResponseHead head;
  const HeadParse parse = ParseResponseHead(seen, method, head);
  const bool may_go_on =
      parse.outcome == ParseOutcome::kNeedMore && out_at_ + seen.size() == turn.bytes_out;
  if (may_go_on && !last && !open.undecided && open.http) {
    return Step::kWait;  // a head that is sent in pieces
  }
  TakeFigures(open, turn, *record);
  if (may_go_on && open.http && !open.undecided) {  // it did not: half a head is no whole answer
    open.request.first_out_ns = record->first_out_ns;
    open.request.status = IsInterim(head.status) ? 0 : head.status;
    Take(open, seen.size());
    return Step::kWait;
  }
  if (IsInterim(head.status)) {
    if (parse.outcome != ParseOutcome::kSuccess) {
      return TakeRest(open, turn);
    }
    Take(open, parse.consumed);
    open.state = ResponseState::kInterim;
    open.interim_seen = true;
    return Step::kAgain;
  }
  open.request.first_out_ns = record->first_out_ns;
  open.request.status = head.status;
  open.request.media_type = head.media_type;
  if (parse.outcome != ParseOutcome::kSuccess) {
    return TakeRest(open, turn);
  }
  Take(open, parse.consumed);
  switch (head.framing) {
    case BodyFraming::kNone:
      return Step::kDone;
    case BodyFraming::kLength:
      open.state = ResponseState::kLength;
      open.left = head.content_length;
      break;
    case BodyFraming::kChunked:
      open.state = ResponseState::kChunked;
      break;
    case BodyFraming::kUntilClose:
      open.state = ResponseState::kUntilClose;
      break;
  }
  return Step::kAgain;
}

// Bytes of which nothing was captured, where a response's head should be. Up to the next send that
// begins a response they are the only open request's; of several nobody can tell.
Connection::Step Connection::PassUnseen(OpenRequest& open, const TurnRecord& turn) {
  const uint64_t next = turn.NextResponseAfter(out_at_);
  if (open_count() > 1 || unseen_in_turn_ || turn.out_lost || next >= turn.bytes_out) {
    return TakeRest(open, turn);
  }
  Take(open, next - out_at_);
  return Step::kAgain;
}

Connection::Step Connection::ReadLength(OpenRequest& open, const TurnRecord& turn) {
  while (open.left > 0 && out_at_ < turn.bytes_out) {
    const OutRecord* const record = turn.OutAt(out_at_);
    const uint64_t end = record != nullptr ? std::min(record->end, turn.bytes_out) : turn.bytes_out;
    const uint64_t n = std::min(open.left, end - out_at_);
    if (record != nullptr) {
      TakeFigures(open, turn, *record);
    }
    Take(open, n);
    open.left -= n;
  }
  return open.left == 0 ? Step::kDone : Step::kWait;
}

// Chunks are followed through what was captured and, by their sizes, over what was not. Where that
// fails, the last send of each record tells.
Connection::Step Connection::ReadChunks(OpenRequest& open, const TurnRecord& turn) {
  while (out_at_ < turn.bytes_out) {
    const OutRecord* const record = turn.OutAt(out_at_);
    if (record == nullptr) {  // records are missing
      open.chunks.Lose();
      open.body_end = BodyEnd::kUnknown;
      Take(open, std::min(turn.NextResponseAfter(out_at_), turn.bytes_out) - out_at_);
      continue;
    }
    TakeFigures(open, turn, *record);
    if (FollowChunks(open, *record)) {
      return Step::kDone;
    }
    if (!open.chunks.lost()) {
      open.body_end = BodyEnd::kNotYet;
      continue;
    }
    Take(open, std::min(record->end, turn.bytes_out) - out_at_);
    open.body_end = record->end_seen ? JudgeLastSend(record->last_sent, record->FrontOfLast(),
                                                     record->BackOfLast())
                                     : BodyEnd::kUnknown;
    // Where other answers are due, what was not seen may hold this one's end and the next one.
    if (open_count() > 1) {
      open.body_end = BodyEnd::kUnknown;
    } else if (open.body_end == BodyEnd::kEnded) {
      return Step::kDone;
    }
  }
  return Step::kWait;
}

// Feeds the scanner with the rest of a record. True when the body has ended.
bool Connection::FollowChunks(OpenRequest& open, const OutRecord& record) {
  while (out_at_ < record.end && !open.chunks.lost()) {
    if (const std::string_view seen = record.VisibleAt(out_at_); !seen.empty()) {
      const auto progress = open.chunks.Feed(seen);
      Take(open, progress.consumed);
      if (progress.outcome == ChunkScanner::Outcome::kDone) {
        return true;
      }
      continue;
    }
    const uint64_t n = std::min(open.chunks.data_left(), record.NextVisible(out_at_) - out_at_);
    if (n == 0) {
      open.chunks.Lose();
    } else {
      open.chunks.Skip(n);
      Take(open, n);
    }
  }
  return false;
}

// Everything else that the turn sends is this request's, as far as can be told.
Connection::Step Connection::TakeRest(OpenRequest& open, const TurnRecord& turn) {
  if (open.state != ResponseState::kUntilClose) {
    open.state = ResponseState::kUnframed;
  }
  while (out_at_ < turn.bytes_out) {
    const OutRecord* const record = turn.OutAt(out_at_);
    if (record == nullptr) {
      Take(open, turn.bytes_out - out_at_);
      break;
    }
    if (open.request.first_out_ns == 0) {
      open.request.first_out_ns =
          out_at_ == record->begin ? record->first_out_ns : record->last_out_ns;
    }
    TakeFigures(open, turn, *record);
    Take(open, std::min(record->end, turn.bytes_out) - out_at_);
  }
  return Step::kWait;
}

void Connection::Take(OpenRequest& open, uint64_t bytes) {
  out_at_ += bytes;
  open.request.bytes_out = AddSigned(open.request.bytes_out, bytes);
}

void Connection::Complete(OpenRequest& open) {
  const int32_t status = open.request.status;
  const bool tunnel =
      status == 101 || (open.request.method == "CONNECT" && status >= 200 && status < 300);
  // Refused before its body was asked for: the client may send the body or leave it out.
  if (open.expects_continue && !open.body_seen && !open.interim_seen && open_count() == 1 &&
      body_.kind != PendingBody::Kind::kNone) {
    body_.kind = PendingBody::Kind::kUnknown;
  }
  const int64_t end_ns = open.request.end_ns;
  open.request.ended_by = EndedBy::kFraming;
  Report(open, open.partial ? Outcome::kPartial : Outcome::kComplete);
  PopFront();
  if (tunnel) {
    LeaveHttp(end_ns);
  }
}

void Connection::LeaveHttp(int64_t now_ns) {
  EndOpen(now_ns, EndCause::kLost);
  upgraded_ = true;
  carry_ = {};
  open_.shrink_to_fit();
}

}  // namespace pinfo

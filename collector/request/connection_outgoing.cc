#include <algorithm>

#include "collector/request/connection.h"

namespace pinfo {
namespace {

bool IsInterim(int32_t status) { return status >= 100 && status < 200 && status != 101; }

// What a turn's figures say of a request whose response they belong to.
void TakeFigures(OpenRequest& open, const TurnRecord& turn) {
  ServedRequest& request = open.request;
  request.last_turn = turn.number;
  request.end_ns = turn.last_out_ns;
  request.end_tid = turn.end_tid;
  open.partial |= turn.partial;
  request.spent.reset();
  request.parts.clear();
  if (!open.from_turn_start || request.first_turn != turn.number) {
    return;
  }
  if (!turn.segments.empty()) {
    Work work = WorkOf(turn.Segments(), turn.start_ns, turn.last_out_ns);
    request.spent = work.spent;
    request.parts = std::move(work.parts);
  } else if (turn.spent_valid) {
    request.spent = turn.spent;
  }
}

}  // namespace

void Connection::ReadOutgoing(TurnRecord& turn) {
  if (!turn.responded || upgraded_) {
    return;
  }
  last_activity_ns_ = std::max(last_activity_ns_, turn.last_out_ns);
  while (out_at_ < turn.bytes_out) {
    if (open_count() == 0 && !AddUnexpected(turn)) {
      return;
    }
    OpenRequest& open = front();
    TakeFigures(open, turn);
    Step step = Step::kAgain;
    while (step == Step::kAgain) {
      step = ReadResponse(open, turn);
    }
    if (step == Step::kWait) {
      return;
    }
    Complete(open);
    if (upgraded_) {
      return;
    }
  }
}

// Two threads sent one turn's response and the second one's record came first, without the captured
// beginning. Nothing could be read out of it: the response is read again from its first byte.
void Connection::RereadOutgoing(const TurnRecord& turn) {
  if (!turn.read || reported_in_turn_ > 0 || open_count() == 0 || front().request.status != 0 ||
      front().state != ResponseState::kUnframed || unpaired_) {
    return;
  }
  OpenRequest& open = front();
  open.request.bytes_out -= ToSigned(out_at_);
  open.request.first_out_ns = 0;
  open.state = open.interim_seen ? ResponseState::kInterim : ResponseState::kNone;
  out_at_ = 0;
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
  const std::string_view seen = turn.out_prefix;
  if (out_at_ >= seen.size() ||
      ParseResponseHead(seen.substr(out_at_), {}, head).outcome == ParseOutcome::kNotHttp) {
    return false;
  }
  pipelined_ |= reported_in_turn_ > 0;
  AddUnseen(turn, carry_.inserted);
  return true;
}

Connection::Step Connection::ReadResponse(OpenRequest& open, TurnRecord& turn) {
  if (out_at_ >= turn.bytes_out && open.state != ResponseState::kLength) {
    return Step::kWait;
  }
  if (unpaired_) {
    return TakeRest(open, turn);
  }
  switch (open.state) {
    case ResponseState::kNone:
    case ResponseState::kInterim:
      return ReadHead(open, turn);
    case ResponseState::kLength:
      return ReadLength(open, turn);
    case ResponseState::kChunked:
      return ReadChunks(open, turn);
    case ResponseState::kUnframed:
      return TakeRest(open, turn);
  }
  return Step::kWait;
}

Connection::Step Connection::ReadHead(OpenRequest& open, const TurnRecord& turn) {
  const std::string_view seen = turn.out_prefix;
  if (out_at_ >= seen.size()) {
    return TakeRest(open, turn);
  }
  const std::string_view method = open.method_known ? open.request.method : std::string_view{};
  ResponseHead head;
  const HeadParse parse = ParseResponseHead(seen.substr(out_at_), method, head);
  if (IsInterim(head.status)) {
    if (parse.outcome != ParseOutcome::kSuccess) {
      return TakeRest(open, turn);
    }
    Take(open, parse.consumed);
    open.state = ResponseState::kInterim;
    open.interim_seen = true;
    return Step::kAgain;
  }
  // Captured bytes are those of the turn's first send: they went out at first_out_ns.
  open.request.first_out_ns = turn.first_out_ns;
  open.request.status = head.status;
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
      open.state = ResponseState::kUnframed;
      break;
  }
  return Step::kAgain;
}

Connection::Step Connection::ReadLength(OpenRequest& open, const TurnRecord& turn) {
  const uint64_t n = std::min(open.left, turn.bytes_out - out_at_);
  Take(open, n);
  open.left -= n;
  return open.left == 0 ? Step::kDone : Step::kWait;
}

Connection::Step Connection::ReadChunks(OpenRequest& open, const TurnRecord& turn) {
  const std::string_view seen = turn.out_prefix;
  if (out_at_ < seen.size()) {
    const auto progress = open.chunks.Feed(seen.substr(out_at_));
    Take(open, progress.consumed);
    if (progress.outcome == ChunkScanner::Outcome::kDone) {
      return Step::kDone;
    }
  }
  const uint64_t unseen = turn.bytes_out - out_at_;
  if (open.chunks.Skip(unseen) == ChunkScanner::Outcome::kLost) {
    open.state = ResponseState::kUnframed;
  }
  Take(open, unseen);
  return Step::kWait;
}

// Everything else that the turn sends is this request's, as far as can be told.
Connection::Step Connection::TakeRest(OpenRequest& open, const TurnRecord& turn) {
  if (open.request.first_out_ns == 0) {
    open.request.first_out_ns = out_at_ == 0 ? turn.first_out_ns : turn.last_out_ns;
  }
  open.state = ResponseState::kUnframed;
  Take(open, turn.bytes_out - out_at_);
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

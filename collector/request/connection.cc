#include "collector/request/connection.h"

#include <algorithm>
#include <utility>

#include "collector/request/site.h"

namespace pinfo {
namespace {

// Turns that wait for what is missing of the first one. Where others answer than read, a thread
// that lost its CPU within its send tells of it only when the peer has been answered a few times
// more.
constexpr size_t kMaxTurns = 32;
constexpr size_t kKeptCapacity = 8;  // of open_, on a connection that waits for its next request

// Whether an unfinished beginning is HTTP is told by its answer; without one, by its look.
void Decide(OpenRequest& open) {
  if (open.undecided && open.request.status == 0) {
    const bool answered = open.request.bytes_out > 0;
    const std::string& head = open.request.head;
    const bool letters =
        std::all_of(head.begin(), head.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
    const bool line = open.method_known && !open.request.target.empty();
    open.http = !answered && (line || letters);
  }
  open.undecided = false;
}

}  // namespace

TurnRecord* Connection::FindOrAddTurn(uint32_t number) {
  if (number <= settled_) {
    return nullptr;
  }
  auto at = turns_.begin();
  for (; at != turns_.end() && at->number <= number; ++at) {
    if (at->number == number) {
      return &*at;
    }
  }
  // Before a turn that is being read nothing can be put any more.
  if (at != turns_.end() && at->read) {
    return nullptr;
  }
  return &*turns_.emplace(at, number);
}

void Connection::Learn(const pinfo_received& record) {
  pid_ = Pid{record.header.pid};
  tls_ |= (record.flags & PINFO_RECEIVED_TLS) != 0;
  if (transport_ != PINFO_TRANSPORT_UNKNOWN) {
    return;
  }
  transport_ = record.transport;
  established_ns_ = ToSigned(record.established_ns);
  local_address_ = FormatAddress(transport_, record.local_address, record.local_port);
  peer_address_ = FormatAddress(transport_, record.peer_address, record.peer_port);
}

bool Connection::OnReceived(const pinfo_received& record, std::string_view payload) {
  if (upgraded_) {
    return true;
  }
  TurnRecord* const turn = FindOrAddTurn(record.turn);
  if (turn == nullptr || turn->read) {
    return false;
  }
  Learn(record);
  turn->Add(record, payload);
  MoveOn();
  return true;
}

bool Connection::OnResponse(const pinfo_response& record, std::string_view payload) {
  if (!upgraded_) {
    TurnRecord* const turn = FindOrAddTurn(record.turn);
    if (turn == nullptr) {
      return false;
    }
    if (!pid_) {
      pid_ = Pid{record.header.pid};
    }
    turn->Add(record, payload);
    MoveOn();
  }
  if ((record.flags & PINFO_RESPONSE_CLOSED) != 0 && !lingering_) {
    lingering_ = true;
    closed_ns_ = ToSigned(record.header.time_ns);
    close_cause_ =
        (record.flags & PINFO_RESPONSE_RESET) != 0 ? EndCause::kReset : EndCause::kClosed;
    close_turn_ = record.turn;
    close_out_ = record.bytes_out;
    // The closing thread's own record tells of everything, unless another one sent as well.
    if (turns_.empty() || (turns_.size() == 1 && !FrontLacksBytes())) {
      End(closed_ns_, close_cause_);
    }
  } else if (lingering_) {
    over_ = NothingOwed();
  }
  return true;
}

bool Connection::OnSegment(const pinfo_segment& record) {
  const auto turn = std::ranges::find(turns_, record.turn, &TurnRecord::number);
  if (turn == turns_.end()) {
    return upgraded_;
  }
  turn->Add(record);
  return true;
}

// Whether everything that the first turn sent has been told of, as far as anybody says.
bool Connection::FrontIsWhole() const {
  const TurnRecord& turn = turns_.front();
  return turns_.size() > 1 && turns_[1].number == turn.number + 1 && turns_[1].received &&
         turns_[1].previous_out <= turn.bytes_out;
}

// Whether somebody says that the first turn sent more than its records tell.
bool Connection::FrontLacksBytes() const {
  const TurnRecord& turn = turns_.front();
  const bool next_says = turns_.size() > 1 && turns_[1].number == turn.number + 1 &&
                         turns_[1].received && turns_[1].previous_out > turn.bytes_out;
  return turn.out_lost || next_says || (close_turn_ == turn.number && close_out_ > turn.bytes_out);
}

// Reads what can be read. A turn is left when the next one has begun and nothing is missing of it,
// or what is missing has no chance to come.
void Connection::MoveOn() {
  while (!turns_.empty()) {
    TurnRecord& turn = turns_.front();
    if (turn.responded) {
      Activate(turn);
      ReadOutgoing(turn, false);
    }
    if (turns_.size() < 2 || upgraded_) {
      return;
    }
    // Where nobody tells how much the first turn sent, the next one's answer is the sign.
    const bool nobody_tells =
        turns_[1].number != turn.number + 1 || (!turns_[1].received && turns_[1].responded);
    const bool answered = turn.read && open_count() == 0;
    if (!FrontIsWhole() && !nobody_tells && !answered && turns_.size() <= kMaxTurns) {
      return;
    }
    SettleFront();
  }
}

void Connection::OnClose(const pinfo_close& record) {
  if (lingering_ && close_cause_ != EndCause::kProcessEnded) {
    return;
  }
  if (!turns_.empty() && turns_.back().number == record.turn && !turns_.back().read) {
    turns_.back().bytes_in =
        std::clamp<uint64_t>(record.bytes_in, turns_.back().bytes_in, kMaxFigure);
  }
  lingering_ = true;
  closed_ns_ = ToSigned(record.header.time_ns);
  close_cause_ = (record.flags & PINFO_CLOSE_RESET) != 0 ? EndCause::kReset : EndCause::kClosed;
  close_turn_ = record.turn;
  close_out_ = record.bytes_out;
  if (turns_.size() == 1 && !FrontLacksBytes()) {
    Activate(turns_.front());
    ReadOutgoing(turns_.front(), false);
  }
  over_ = NothingOwed();
}

void Connection::OnProcessEnd(int64_t time_ns) {
  if (lingering_) {
    return;
  }
  lingering_ = true;
  closed_ns_ = time_ns;
  close_cause_ = EndCause::kProcessEnded;
  over_ = NothingOwed();
}

bool Connection::NothingOwed() const {
  const bool read = turns_.empty() || (turns_.size() == 1 && turns_.front().read);
  return upgraded_ || (read && open_count() == 0 && carry_.bytes.empty());
}

void Connection::End(int64_t now_ns, EndCause cause) {
  if (lingering_) {
    now_ns = closed_ns_;
    cause = close_cause_;
  }
  while (!turns_.empty()) {
    Activate(turns_.front());
    if (!carry_.bytes.empty() && turns_.size() == 1) {
      OpenCarry(turns_.front());
    }
    SettleFront();
  }
  EndOpen(now_ns, settled_lost_ ? EndCause::kLost : cause);
  over_ = true;
}

void Connection::Activate(TurnRecord& turn) {
  if (turn.read || upgraded_) {
    return;
  }
  turn.read = true;
  out_at_ = 0;
  reported_in_turn_ = 0;
  unseen_in_turn_ = false;
  // A connection that was silent this long has answered what it had to answer.
  if (unpaired_ && turn.start_ns - last_activity_ns_ >= options_->idle_ns) {
    EndOpen(turn.start_ns, EndCause::kNextTurn);
    unpaired_ = false;
  }
  last_activity_ns_ = std::max(last_activity_ns_, turn.start_ns);
  const bool turns_missing = settled_ != 0 && turn.number != settled_ + 1;
  if (turns_missing || settled_lost_) {
    unpaired_ |= pipelined_;
    EndOpen(turn.start_ns, EndCause::kLost);
    settled_lost_ = false;
  }
  if (turns_missing) {
    body_.kind = http_seen_ ? PendingBody::Kind::kUnknown : PendingBody::Kind::kNone;
    carry_ = {};
  }
  ReadIncoming(turn);
}

void Connection::SettleFront() {
  TurnRecord& turn = turns_.front();
  Activate(turn);
  turn.GiveUpGaps();
  ReadOutgoing(turn, true);
  settled_ = turn.number;
  settled_out_ = turn.bytes_out;
  settled_lost_ = FrontLacksBytes();
  settled_responded_ = turn.responded;
  turns_.erase(turns_.begin());
}

// Where the first open response has no visible end, what was sent may be everybody's: the requests
// read before its last byte share it (ServedRequest::bytes_out) and end with it.
void Connection::ShareOutgoing() {
  if (open_count() < 2 || !front().HasUnseenEnd()) {
    return;
  }
  const auto first = open_.begin() + static_cast<std::ptrdiff_t>(first_open_);
  const int64_t end_ns = first->request.end_ns;
  const auto last = std::find_if(first + 1, open_.end(), [end_ns](const OpenRequest& open) {
    return open.request.start_ns >= end_ns;
  });
  const int64_t share = first->request.bytes_out / (last - first);
  for (auto open = first + 1; open != last; ++open) {
    Decide(*open);
    open->state = ResponseState::kUnframed;
    open->request.bytes_out = share;
    open->request.end_ns = end_ns;
    open->request.end_tid = first->request.end_tid;
    open->request.last_turn = first->request.last_turn;
    first->request.bytes_out -= share;
  }
}

void Connection::EndOpen(int64_t now_ns, EndCause cause) {
  const bool alone = open_count() == 1;
  ShareOutgoing();
  while (open_count() > 0) {
    if (front().request.bytes_out == 0 && !front().HasUnseenEnd()) {
      front().request.end_ns = now_ns;
    }
    ReportAndPop(cause, alone);
  }
}

// alone: no other request shares what was sent.
void Connection::ReportAndPop(EndCause cause, bool alone) {
  OpenRequest& open = front();
  Decide(open);
  const Outcome outcome =
      unpaired_ && !open.partial ? Outcome::kUnknown : OutcomeAt(open, cause, alone);
  open.request.ended_by = EndedByAt(open, cause, outcome);
  Report(open, outcome);
  PopFront();
}

int64_t Connection::Deadline() const {
  if (lingering_) {
    return closed_ns_ + options_->idle_ns;
  }
  if (turns_.size() > 1) {
    return turns_[1].start_ns + options_->idle_ns;
  }
  if (open_count() == 0) {
    return 0;
  }
  const OpenRequest& open = open_[first_open_];
  return open.HasUnseenEnd() ? open.request.end_ns + options_->idle_ns : 0;
}

void Connection::OnDeadline(int64_t now_ns) {
  const int64_t deadline = Deadline();
  if (deadline == 0 || now_ns < deadline) {
    return;
  }
  if (lingering_) {
    End(closed_ns_, close_cause_);
    return;
  }
  if (turns_.size() > 1) {
    SettleFront();
    MoveOn();
    return;
  }
  const bool shared = open_count() > 1;
  EndOpen(now_ns, EndCause::kIdle);
  unpaired_ |= shared;
}

void Connection::Report(OpenRequest& open, Outcome outcome) {
  ++reported_in_turn_;
  ServedRequest& request = open.request;
  if (!open.http) {
    if (!options_->turns) {
      return;
    }
    request.method = "TURN";
    request.target.clear();
  }
  ReportServed(request, outcome);
}

void Connection::ReportServed(ServedRequest& request, Outcome outcome) {
  request.connection = id_;
  request.outcome = outcome;
  request.transport = transport_;
  request.tls = tls_;
  request.local_address = local_address_;
  request.peer_address = peer_address_;
  request.end_ns = std::max(request.end_ns, request.start_ns);
  if (request.first_out_ns != 0) {
    request.first_out_ns = std::clamp(request.first_out_ns, request.start_ns, request.end_ns);
  }
  if (request.bytes_out == 0) {
    request.end_tid = request.begin_tid;
  }
  (*output_)(std::move(request));
}

void Connection::PopFront() {
  if (++first_open_ < open_.size()) {
    return;
  }
  open_.clear();
  first_open_ = 0;
  if (open_.capacity() > kKeptCapacity) {
    open_.shrink_to_fit();
  }
}

}  // namespace pinfo

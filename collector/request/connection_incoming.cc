#include <algorithm>
#include <utility>

#include "collector/request/connection.h"
#include "collector/request/site.h"

namespace pinfo {
namespace {

constexpr std::string_view kUnknownMethod = "UNKNOWN";
constexpr size_t kMaxCarry = 65536;  // a head longer than this is refused by every known server

}  // namespace

void Connection::ReadIncoming(TurnRecord& turn) {
  carry_.inserted = 0;
  if (!carry_.bytes.empty()) {
    if (turn.prefix.empty() || carry_.bytes.size() > kMaxCarry) {
      OpenCarry(turn);  // its rest was not captured
    } else {
      carry_.inserted = carry_.bytes.size();
      turn.prefix.insert(0, carry_.bytes);
      turn.bytes_in += carry_.inserted;
      carry_.bytes.clear();
    }
  }
  Cursor cursor{turn.prefix, turn.bytes_in, 0};
  const bool body_was_open = body_.kind != PendingBody::Kind::kNone && open_count() > 0;
  const bool body_ended = SkipBody(cursor, turn.number);
  if (open_count() > 0) {
    CarryOver(turn, cursor.at == cursor.total, body_was_open && cursor.at > 0);
  }
  if (body_ended) {
    ReadHeads(turn, cursor);
  }
}

// What is open from earlier turns when this one begins goes on here, or is over. continues: this turn
// begins with bytes of the last request's body; only_body: and has no others.
void Connection::CarryOver(const TurnRecord& turn, bool only_body, bool continues) {
  while (open_count() > 0 && !GoesOn(front())) {
    if (continues && only_body && settled_responded_) {
      return;
    }
    if (continues && open_count() == 1 && (settled_responded_ || only_body)) {
      return;
    }
    if (open_count() == 1) {
      const bool owed = front().state == ResponseState::kNone ||
                        front().state == ResponseState::kInterim;
      const bool may_be_answered_here =
          pipelined_ || continues || front().state == ResponseState::kInterim;
      if (front().request.bytes_out == 0 && !front().HasUnseenEnd()) {
        front().request.end_ns = turn.start_ns;
      }
      ReportAndPop(EndCause::kNextTurn, true);
      unpaired_ |= owed && may_be_answered_here;
      continue;
    }
    const bool owed = std::any_of(open_.begin() + static_cast<std::ptrdiff_t>(first_open_),
                                  open_.end(), [](const OpenRequest& open) {
                                    return open.state == ResponseState::kNone ||
                                           open.state == ResponseState::kInterim;
                                  });
    EndOpen(turn.start_ns, EndCause::kNextTurn);
    unpaired_ |= owed;
  }
}

// Whether a request's response is sure to be still to come, or to go on.
bool Connection::GoesOn(const OpenRequest& open) const {
  if (unpaired_ || !open.http || open.undecided || open.doubtful || !open.method_known ||
      open.partial) {
    return false;
  }
  switch (open.state) {
    case ResponseState::kNone:
    case ResponseState::kInterim:
    case ResponseState::kLength:
      return true;
    case ResponseState::kChunked:
      return open.body_end == BodyEnd::kNotYet;
    case ResponseState::kUntilClose:
    case ResponseState::kUnframed:
      return false;
  }
  return false;
}

// Passes over what is left of the last request's body. True when heads may follow.
bool Connection::SkipBody(Cursor& cursor, uint32_t turn) {
  const uint64_t before = cursor.at;
  bool ended = true;
  switch (body_.kind) {
    case PendingBody::Kind::kNone:
      return true;
    case PendingBody::Kind::kLength: {
      const uint64_t n = std::min(body_.left, cursor.total - cursor.at);
      cursor.at += n;
      body_.left -= n;
      ended = body_.left == 0;
      break;
    }
    case PendingBody::Kind::kChunked:
      ended = SkipChunks(cursor);
      break;
    case PendingBody::Kind::kUnknown:
      ended = LooksLikeRequest(cursor);
      doubtful_ = ended;
      if (!ended) {
        cursor.at = cursor.total;
      }
      break;
  }
  if (ended) {
    body_.kind = PendingBody::Kind::kNone;
  }
  if (open_count() > 0 && cursor.at > before) {
    OpenRequest& owner = open_.back();
    owner.body_seen = true;
    owner.request.bytes_in = AddSigned(owner.request.bytes_in, cursor.at - before);
    owner.request.last_turn = turn;
  }
  return ended;
}

bool Connection::SkipChunks(Cursor& cursor) {
  auto outcome = ChunkScanner::Outcome::kMore;
  if (cursor.at < cursor.visible.size()) {
    const auto progress = body_.chunks.Feed(cursor.visible.substr(cursor.at));
    outcome = progress.outcome;
    cursor.at += progress.consumed;
  }
  if (outcome == ChunkScanner::Outcome::kDone) {
    return true;
  }
  if (outcome == ChunkScanner::Outcome::kMore) {
    outcome = body_.chunks.Skip(cursor.total - cursor.at);
  }
  cursor.at = cursor.total;
  if (outcome == ChunkScanner::Outcome::kLost) {
    body_.kind = PendingBody::Kind::kUnknown;
  }
  return false;
}

// Bytes after a body whose end is not known: only what surely begins a request is taken for one.
bool Connection::LooksLikeRequest(const Cursor& cursor) const {
  if (cursor.at >= cursor.visible.size()) {
    return cursor.at < cursor.total && open_count() == 0;
  }
  RequestHead head;
  const auto parse = ParseRequestHead(cursor.visible.substr(cursor.at), head);
  return parse.outcome == ParseOutcome::kSuccess || !head.version.empty() ||
         (parse.outcome == ParseOutcome::kNeedMore && !head.method.empty() &&
          (head.target.starts_with('/') || head.target.starts_with("http")));
}

void Connection::ReadHeads(TurnRecord& turn, Cursor& cursor) {
  while (cursor.at < cursor.total) {
    if (cursor.at >= cursor.visible.size()) {
      AddUnseen(turn, cursor.at);
      break;
    }
    const std::string_view bytes = cursor.visible.substr(cursor.at);
    RequestHead head;
    const HeadParse parse = ParseRequestHead(bytes, head);
    if (parse.outcome == ParseOutcome::kSuccess) {
      SetBody(head);
      AddHttp(turn, cursor.at, head, bytes.substr(0, parse.consumed));
      cursor.at += parse.consumed;
      SkipBody(cursor, turn.number);
      continue;
    }
    if (turn.partial && head.version.empty()) {
      AddUnseen(turn, cursor.at);
      break;
    }
    if (turn.old && cursor.at == 0 && parse.outcome == ParseOutcome::kNotHttp) {
      AddUnseen(turn, cursor.at);  // the middle of a request, or of a turn that is not HTTP
      open_.back().undecided = true;
      open_.back().partial = true;
      break;
    }
    if (parse.outcome == ParseOutcome::kNeedMore && cursor.visible.size() == cursor.total) {
      KeepForNextTurn(turn, cursor.at, bytes);
      return;
    }
    if (parse.outcome == ParseOutcome::kNotHttp) {
      AddNotHttp(turn, cursor.at);
    } else {
      AddCut(turn, cursor.at, head, bytes);
    }
    break;
  }
  // What was not understood belongs, as far as anybody can tell, to the last request.
  if (cursor.at < cursor.total) {
    open_.back().request.bytes_in = ToSigned(cursor.total - cursor.at);
  }
}

void Connection::KeepForNextTurn(const TurnRecord& turn, uint64_t offset, std::string_view bytes) {
  if (bytes.find_first_not_of("\r\n") == std::string_view::npos) {
    return;
  }
  pipelined_ |= open_count() > 0;
  if (offset >= carry_.inserted) {  // else the head begun in an earlier turn is still not whole
    const uint64_t own = offset - carry_.inserted;
    carry_ = {{}, 0, turn.TimeOf(own), turn.number, turn.begin_tid, own == 0};
  }
  carry_.bytes = bytes;
}

void Connection::SetBody(const RequestHead& head) {
  body_ = {};
  if (head.chunked) {
    body_.kind = PendingBody::Kind::kChunked;
  } else if (head.content_length.value_or(0) > 0) {
    body_.kind = PendingBody::Kind::kLength;
    body_.left = *head.content_length;
  }
}

// offset: where the request begins in turn.prefix, carried bytes included.
OpenRequest& Connection::Add(const TurnRecord& turn, uint64_t offset, std::string_view method) {
  pipelined_ |= open_count() > 0;
  OpenRequest& open = open_.emplace_back();
  ServedRequest& request = open.request;
  const bool carried = offset < carry_.inserted;
  const uint64_t own = carried ? 0 : offset - carry_.inserted;
  request.method = method;
  request.first_turn = carried ? carry_.turn : turn.number;
  request.last_turn = turn.number;
  request.pid = turn.pid;
  request.begin_tid = carried ? carry_.tid : turn.begin_tid;
  request.start_ns = carried ? carry_.start_ns : turn.TimeOf(own);
  open.from_turn_start = carried ? carry_.from_turn_start : own == 0;
  open.partial = turn.partial;
  open.doubtful = std::exchange(doubtful_, false);
  if (request.first_turn == 1 && open.from_turn_start && established_ns_ > 0 && !open.partial) {
    request.queue_ns = std::max<int64_t>(0, request.start_ns - established_ns_);
  }
  return open;
}

void Connection::AddHttp(TurnRecord& turn, uint64_t offset, const RequestHead& head,
                         std::string_view bytes) {
  http_seen_ = true;
  OpenRequest& open = Add(turn, offset, head.method);
  open.request.target = head.target;
  open.request.host = NormalizeHost(head.host);
  open.request.protocol = head.version;
  open.request.bytes_in = static_cast<int64_t>(bytes.size());
  open.simple = head.version == "HTTP/0.9";
  open.expects_continue = head.expect_continue;
  // The common case, one request a turn, costs no second copy of its head. The views into
  // turn.prefix end here.
  if (bytes.size() == turn.prefix.size()) {
    open.request.head = std::move(turn.prefix);
  } else {
    open.request.head = bytes;
  }
}

// A head of which only the beginning was captured, or whose framing cannot be believed.
void Connection::AddCut(const TurnRecord& turn, uint64_t offset, const RequestHead& head,
                        std::string_view bytes) {
  OpenRequest& open = Add(turn, offset, head.method.empty() ? kUnknownMethod : head.method);
  open.request.target = head.target;
  open.request.protocol = head.version;
  open.request.head = bytes;
  open.request.host = NormalizeHost(
      head.host.empty() ? FindField(bytes, "host").value_or(std::string_view{}) : head.host);
  open.request.head_complete = false;
  open.method_known = !head.method.empty();
  open.undecided = head.version.empty();
  // Of a connection older than pinfo this may be the middle of a request.
  open.partial |= turn.old && open.undecided && offset == 0;
  http_seen_ |= !open.undecided;
  body_.kind = PendingBody::Kind::kUnknown;
}

void Connection::AddNotHttp(const TurnRecord& turn, uint64_t offset) {
  const bool middle = turn.partial || (settled_ == 0 && turn.number > 1);
  if (middle) {  // of a body, perhaps: what pinfo did not see begin it cannot name
    AddUnseen(turn, offset);
    return;
  }
  Add(turn, offset, kUnknownMethod).http = false;
}

void Connection::AddUnseen(const TurnRecord& turn, uint64_t offset) {
  OpenRequest& open = Add(turn, offset, kUnknownMethod);
  open.method_known = false;
  open.request.head_complete = false;
  unseen_in_turn_ = true;
  body_.kind = PendingBody::Kind::kUnknown;
}

// The carried beginning will not become whole: it is a request as it stands.
void Connection::OpenCarry(const TurnRecord& turn) {
  const std::string bytes = std::exchange(carry_.bytes, {});
  carry_.inserted = bytes.size();
  RequestHead head;
  ParseRequestHead(bytes, head);
  AddCut(turn, 0, head, bytes);
  open_.back().request.bytes_in = static_cast<int64_t>(bytes.size());
  carry_.inserted = 0;
}

}  // namespace pinfo

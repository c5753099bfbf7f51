// Turns whose request and response came in one record. Nearly all of them are one plain request,
// whole and answered whole: that is reported straight away, without what the general way keeps of a
// turn. Everything else goes the general way, as the two records that an exchange is.
#include <algorithm>

#include "collector/request/connection.h"
#include "collector/request/site.h"

namespace pinfo {

bool Connection::OnExchange(const pinfo_response& record, const ExchangeParts& parts,
                            HeadCache& heads) {
  if (IsNext(parts.received) && ReportWhole(record, parts, heads)) {
    return true;
  }
  const bool begun = OnReceived(parts.received, parts.request);
  return OnResponse(record, parts.response) && begun;
}

// Whether the turn follows on what is over, and nothing is open that its bytes could belong to.
bool Connection::IsNext(const pinfo_received& received) const {
  if (upgraded_ || lingering_ || unpaired_ || pipelined_ || settled_lost_ || doubtful_ ||
      body_.kind != PendingBody::Kind::kNone || !carry_.bytes.empty() || open_count() > 0) {
    return false;
  }
  if (turns_.empty()) {
    return received.turn == settled_ + 1 && received.previous_out <= settled_out_;
  }
  const TurnRecord& front = turns_.front();
  return turns_.size() == 1 && front.read && received.turn == front.number + 1 &&
         received.previous_out <= front.bytes_out && !FrontLacksBytes();
}

// False, and nothing done, where the turn is not one whole request without a body and one whole
// response whose length is known.
bool Connection::ReportWhole(const pinfo_response& record, const ExchangeParts& parts,
                             HeadCache& heads) {
  constexpr unsigned kUnusual = PINFO_RESPONSE_PARTIAL | PINFO_RESPONSE_CLOSED;
  const pinfo_received& received = parts.received;
  if ((record.flags & kUnusual) != 0 || (record.flags & PINFO_RESPONSE_TIMES_VALID) == 0 ||
      record.begin_tid != record.header.tid || record.offset != 0 ||
      (received.flags & (PINFO_RECEIVED_PARTIAL | PINFO_RECEIVED_OLD)) != 0 ||
      received.received != parts.request.size() || record.bytes_in != received.received) {
    return false;
  }
  const PlainRequest* const head = heads.Request(parts.request);
  if (head == nullptr) {
    return false;
  }
  const PlainResponse* const answer = heads.Response(parts.response, head->method == "HEAD");
  if (answer == nullptr || answer->bytes != record.bytes_out) {
    return false;
  }
  if (!turns_.empty()) {
    SettleFront();
  }
  Learn(received);
  http_seen_ = true;
  settled_ = record.turn;
  settled_out_ = record.bytes_out;
  settled_responded_ = true;
  last_activity_ns_ = std::max(last_activity_ns_, ToSigned(record.last_out_ns));

  ServedRequest request;
  request.first_turn = request.last_turn = record.turn;
  request.pid = pid_;
  request.begin_tid = request.end_tid = Tid{record.header.tid};
  request.method = head->method;
  request.target = head->target;
  request.host = head->host;
  request.protocol = head->protocol;
  request.head = parts.request;
  request.status = answer->status;
  request.media_type = answer->media_type;
  request.start_ns = ToSigned(received.start_ns);
  request.end_ns = ToSigned(record.last_out_ns);
  request.first_out_ns = ToSigned(record.first_out_ns);
  if (record.turn == 1 && established_ns_ > 0) {
    request.queue_ns = std::max<int64_t>(0, request.start_ns - established_ns_);
  }
  request.bytes_in = ToSigned(received.received);
  request.bytes_out = ToSigned(record.bytes_out);
  request.spent = record.spent;
  request.ended_by = EndedBy::kFraming;
  ++reported_in_turn_;
  ReportServed(request, Outcome::kComplete);
  return true;
}

}  // namespace pinfo

// Turns whose request and response came in one record. Nearly all of them are one plain request,
// whole and answered whole: that is reported straight away, without what the general way keeps of a
// turn. Everything else goes the general way, as the two records that the exchange stands for.
#include "bpf/exchange.h"

#include <algorithm>

#include "collector/request/connection.h"
#include "collector/request/site.h"

namespace pinfo {

bool Connection::OnExchange(const pinfo_exchange& record, std::string_view request,
                            std::string_view response) {
  if (IsNext(record.turn) && ReportWhole(record, request, response)) {
    if ((record.flags & PINFO_RESPONSE_CLOSED) != 0) {
      End(ToSigned(record.header.time_ns),
          (record.flags & PINFO_RESPONSE_RESET) != 0 ? EndCause::kReset : EndCause::kClosed);
    }
    return true;
  }
  pinfo_received received;
  pinfo_exchange_to_received(&record, &received);
  pinfo_response responded;
  pinfo_exchange_to_response(&record, record.header.tid, &responded);
  const bool begun = OnReceived(received, request);
  return OnResponse(responded, response) && begun;
}

// Whether the turn follows on what is over, and nothing is open that its bytes could belong to.
bool Connection::IsNext(uint32_t turn) const {
  if (upgraded_ || lingering_ || unpaired_ || body_.kind != PendingBody::Kind::kNone ||
      !carry_.bytes.empty() || open_count() > 0) {
    return false;
  }
  if (turns_.empty()) {
    return settled_ == 0 || turn == settled_ + 1;
  }
  return turns_.size() == 1 && turns_.front().read && turn == turns_.front().number + 1;
}

const std::string& Connection::NormalizedHost(std::string_view host) {
  if (host != last_host_) {
    last_host_ = host;
    last_host_normalized_ = NormalizeHost(host);
  }
  return last_host_normalized_;
}

// False, and nothing done, where the turn is not one whole request without a body and one whole
// response to it.
bool Connection::ReportWhole(const pinfo_exchange& record, std::string_view request_bytes,
                             std::string_view response_bytes) {
  if ((record.flags & PINFO_RESPONSE_PARTIAL) != 0 ||
      (record.flags & PINFO_RESPONSE_TIMES_VALID) == 0 || record.bytes_in != request_bytes.size() ||
      record.first_out_ns == 0 || record.bytes_out > kMaxFigure) {
    return false;
  }
  RequestHead head;
  const HeadParse parse = ParseRequestHead(request_bytes, head);
  if (parse.outcome != ParseOutcome::kSuccess || parse.consumed != request_bytes.size() ||
      head.content_length.value_or(0) != 0 || head.chunked || head.upgrade ||
      head.expect_continue || head.method == "CONNECT" || !head.version.starts_with("HTTP/1.")) {
    return false;
  }
  ResponseHead answer;
  const HeadParse answer_parse = ParseResponseHead(response_bytes, head.method, answer);
  const bool whole =
      answer_parse.outcome == ParseOutcome::kSuccess && answer.status >= 200 &&
      (answer.framing == BodyFraming::kNone || answer.framing == BodyFraming::kLength) &&
      record.bytes_out - answer_parse.consumed ==
          (answer.framing == BodyFraming::kNone ? 0 : answer.content_length);
  if (!whole) {
    return false;
  }
  if (!turns_.empty()) {
    SettleFront();
  }
  if (transport_ == PINFO_TRANSPORT_UNKNOWN) {
    pinfo_received first;
    pinfo_exchange_to_received(&record, &first);
    Learn(first);
  }
  pid_ = Pid{record.header.pid};
  tls_ |= (record.flags & PINFO_RECEIVED_TLS) != 0;
  http_seen_ = true;
  settled_ = record.turn;
  settled_responded_ = true;
  last_activity_ns_ = std::max(last_activity_ns_, ToSigned(record.last_out_ns));

  ServedRequest request;
  request.connection = id_;
  request.first_turn = request.last_turn = record.turn;
  request.pid = pid_;
  request.begin_tid = request.end_tid = Tid{record.header.tid};
  request.method = head.method;
  request.target = head.target;
  request.host = NormalizedHost(head.host);
  request.protocol = head.version;
  if (options_->keep_heads) {
    request.head = request_bytes;
  }
  request.status = answer.status;
  request.outcome = Outcome::kComplete;
  request.start_ns = ToSigned(record.start_ns);
  request.end_ns = std::max(ToSigned(record.last_out_ns), request.start_ns);
  request.first_out_ns =
      std::clamp(ToSigned(record.first_out_ns), request.start_ns, request.end_ns);
  if (record.turn == 1 && established_ns_ > 0) {
    request.queue_ns = std::max<int64_t>(0, request.start_ns - established_ns_);
  }
  request.bytes_in = ToSigned(record.bytes_in);
  request.bytes_out = ToSigned(record.bytes_out);
  request.spent = record.spent;
  request.transport = transport_;
  request.tls = tls_;
  request.local_address = local_address_;
  request.peer_address = peer_address_;
  (*output_)(std::move(request));
  return true;
}

}  // namespace pinfo

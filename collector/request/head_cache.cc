#include "collector/request/head_cache.h"

#include "collector/base/text_hash.h"
#include "collector/request/http1.h"
#include "collector/request/site.h"
#include "collector/request/turn_record.h"

namespace pinfo {
namespace {

bool ReadPlain(std::string_view bytes, PlainRequest& request) {
  RequestHead head;
  const HeadParse parse = ParseRequestHead(bytes, head);
  if (parse.outcome != ParseOutcome::kSuccess || parse.consumed != bytes.size() ||
      head.content_length.value_or(0) != 0 || head.chunked || head.upgrade ||
      head.expect_continue || head.method == "CONNECT" || !head.version.starts_with("HTTP/1.")) {
    return false;
  }
  request.method = head.method;
  request.target = head.target;
  request.host = NormalizeHost(head.host);
  request.protocol = head.version;
  return true;
}

bool ReadPlain(std::string_view bytes, bool to_head, PlainResponse& response) {
  ResponseHead head;
  const HeadParse parse = ParseResponseHead(bytes, to_head ? "HEAD" : "GET", head);
  const bool sized = head.framing == BodyFraming::kNone || head.framing == BodyFraming::kLength;
  if (parse.outcome != ParseOutcome::kSuccess || head.status < 200 || !sized) {
    return false;
  }
  const uint64_t body = head.framing == BodyFraming::kLength ? head.content_length : 0;
  if (body > kMaxFigure) {
    return false;
  }
  response.status = head.status;
  response.bytes = parse.consumed + body;
  response.media_type = head.media_type;
  return true;
}

}  // namespace

const PlainRequest* HeadCache::Request(std::string_view bytes) {
  Slot<PlainRequest>& slot = requests_[HashText(bytes) % kSlots];
  if (slot.bytes != bytes) {
    slot.bytes = bytes;
    slot.plain = ReadPlain(bytes, slot.facts);
  }
  return slot.plain ? &slot.facts : nullptr;
}

const PlainResponse* HeadCache::Response(std::string_view bytes, bool to_head) {
  Slot<PlainResponse>& slot = responses_[HashText(bytes) % kSlots];
  if (slot.to_head != to_head || slot.bytes != bytes) {
    slot.bytes = bytes;
    slot.to_head = to_head;
    slot.plain = ReadPlain(bytes, to_head, slot.facts);
  }
  return slot.plain ? &slot.facts : nullptr;
}

}  // namespace pinfo

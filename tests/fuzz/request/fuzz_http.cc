// Any bytes as heads, fields, chunked bodies, hosts, routes and patterns: views stay inside the
// bytes, prefixes of a head are never taken for more than the head.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "collector/request/chunked.h"
#include "collector/request/http1.h"
#include "collector/request/route.h"
#include "collector/request/rules.h"
#include "collector/request/site.h"

namespace {

void Require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

bool Inside(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void CheckRequest(std::string_view bytes) {
  pinfo::RequestHead head;
  const auto parse = pinfo::ParseRequestHead(bytes, head);
  Require(parse.consumed <= bytes.size());
  Require((parse.outcome == pinfo::ParseOutcome::kSuccess) == (parse.consumed > 0));
  for (const std::string_view view : {head.method, head.target, head.host}) {
    Require(Inside(view, bytes));
  }
  if (parse.outcome == pinfo::ParseOutcome::kSuccess) {
    pinfo::RequestHead again;
    Require(pinfo::ParseRequestHead(bytes.substr(0, parse.consumed), again).consumed ==
            parse.consumed);
    Require(again.target == head.target && again.host == head.host);
    Require(pinfo::ParseRequestHead(bytes.substr(0, parse.consumed - 1), again).outcome !=
            pinfo::ParseOutcome::kSuccess);
  }
  Require(pinfo::NormalizeHost(head.host).size() <= 260);
  Require(pinfo::FoldPath(head.target).size() <= 203);
}

void CheckResponse(std::string_view bytes) {
  pinfo::ResponseHead head;
  const auto parse = pinfo::ParseResponseHead(bytes, "GET", head);
  Require(parse.consumed <= bytes.size());
  Require(Inside(head.version, bytes));
  Require(head.status == 0 || (head.status >= 100 && head.status <= 999));
  Require(parse.outcome != pinfo::ParseOutcome::kSuccess || head.status != 0);
}

void CheckChunks(std::string_view bytes) {
  pinfo::ChunkScanner whole;
  const auto at_once = whole.Feed(bytes);
  pinfo::ChunkScanner split;
  const auto first = split.Feed(bytes.substr(0, bytes.size() / 2));
  const auto second = split.Feed(bytes.substr(first.consumed));
  Require(at_once.outcome == second.outcome);
  Require(at_once.consumed == first.consumed + second.consumed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckRequest(bytes);
  CheckResponse(bytes);
  CheckChunks(bytes);
  const auto value = pinfo::FindField(bytes, "host");
  Require(!value || Inside(*value, bytes));
  pinfo::NormalizeHost(bytes);
  if (size < 2000) {
    pinfo::GlobMatches(bytes.substr(0, size / 2), bytes.substr(size / 2));
  }
  return 0;
}

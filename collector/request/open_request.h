// A request whose response is not over yet, and what its response's framing says of the end.
#pragma once

#include <cstdint>

#include "collector/request/assembler.h"
#include "collector/request/chunked.h"

namespace pinfo {

// What of the response has been seen.
enum class ResponseState : uint8_t {
  kNone,      // nothing
  kInterim,   // 100, 102, 103: the final head is to come
  kLength,    // `left` bytes of the body are to come
  kChunked,   // in a chunked body
  kUntilClose,
  kUnframed,  // under way; nothing that is captured tells its end
};

// Why a request ends whose framing has not told it.
enum class EndCause : uint8_t {
  kNextTurn,  // another request came on the connection
  kIdle,
  kClosed,
  kReset,
  kProcessEnded,  // and nothing told of the connection's end
  kLost,    // records are missing, or the connection was evicted
  kFinish,  // the stream is over
};

struct OpenRequest {
  ServedRequest request;
  ResponseState state = ResponseState::kNone;
  uint64_t left = 0;
  ChunkScanner chunks;
  BodyEnd body_end = BodyEnd::kNotYet;  // with kChunked
  bool http = true;          // false: TURN
  bool method_known = true;  // false: UNKNOWN, a guess at HEAD is impossible
  bool undecided = false;    // a beginning that may or may not be HTTP: the answer decides
  bool simple = false;       // HTTP/0.9: its response has no status
  bool partial = false;
  bool expects_continue = false;
  bool upgrades = false;
  bool interim_seen = false;
  bool body_seen = false;
  bool from_turn_start = false;  // its first byte is its first turn's first byte
  bool doubtful = false;         // found where a body of unknown length may go on

  // What went out so far may be all of it, and nothing but another event will tell.
  [[nodiscard]] bool HasUnseenEnd() const {
    return state == ResponseState::kUnframed ||
           (state == ResponseState::kChunked && body_end != BodyEnd::kNotYet);
  }
};

// alone: no other request shares the rest of the connection's response bytes.
Outcome OutcomeAt(const OpenRequest& open, EndCause cause, bool alone);
EndedBy EndedByAt(const OpenRequest& open, EndCause cause, Outcome outcome);

}  // namespace pinfo

#include "collector/request/open_request.h"

namespace pinfo {
namespace {

Outcome OfUnanswered(const OpenRequest& open, EndCause cause) {
  const bool closed = cause == EndCause::kClosed || cause == EndCause::kReset;
  // What is not known to be HTTP may not want an answer at all.
  const bool begun = open.method_known || !open.request.head.empty();
  return closed && open.http && begun ? Outcome::kAborted : Outcome::kUnknown;
}

Outcome OfUnframed(const OpenRequest& open, EndCause cause, bool alone) {
  const bool readable = open.request.status != 0 || open.simple || !open.http;
  switch (cause) {
    case EndCause::kReset:
      // All of it may have been there where nobody knows how long it is.
      return alone && readable && (open.state == ResponseState::kUntilClose || !open.http)
                 ? Outcome::kAborted
                 : Outcome::kUnknown;
    case EndCause::kNextTurn:
    case EndCause::kIdle:
    case EndCause::kClosed:
      return alone && readable ? Outcome::kComplete : Outcome::kUnknown;
    case EndCause::kLost:
    case EndCause::kFinish:
    case EndCause::kProcessEnded:
      return Outcome::kUnknown;
  }
  return Outcome::kUnknown;
}

Outcome OfChunked(const OpenRequest& open, EndCause cause, bool alone) {
  const bool closed = cause == EndCause::kClosed || cause == EndCause::kReset;
  switch (open.body_end) {
    case BodyEnd::kNotYet:
      return closed ? Outcome::kAborted : Outcome::kUnknown;
    case BodyEnd::kUnknown:  // whether the last chunk was there when it was closed nobody saw
      return closed ? Outcome::kUnknown : OfUnframed(open, cause, alone);
    case BodyEnd::kLooks:
    case BodyEnd::kEnded:
      return closed ? Outcome::kComplete : OfUnframed(open, cause, alone);
  }
  return Outcome::kUnknown;
}

}  // namespace

Outcome OutcomeAt(const OpenRequest& open, EndCause cause, bool alone) {
  if (open.partial) {
    return Outcome::kPartial;
  }
  switch (open.state) {
    case ResponseState::kNone:
    case ResponseState::kInterim:
    case ResponseState::kLength:
      return OfUnanswered(open, cause);
    case ResponseState::kChunked:
      return OfChunked(open, cause, alone);
    case ResponseState::kUntilClose:
    case ResponseState::kUnframed:
      return OfUnframed(open, cause, alone);
  }
  return Outcome::kUnknown;
}

EndedBy EndedByAt(const OpenRequest& open, EndCause cause, Outcome outcome) {
  if (outcome != Outcome::kComplete && outcome != Outcome::kPartial) {
    return EndedBy::kNotSeen;
  }
  switch (cause) {
    case EndCause::kNextTurn:
      return EndedBy::kNextRequest;
    case EndCause::kIdle:
      return EndedBy::kSilence;
    case EndCause::kClosed:
    case EndCause::kReset:
      return open.state == ResponseState::kChunked ? EndedBy::kFraming : EndedBy::kClose;
    case EndCause::kLost:
    case EndCause::kFinish:
    case EndCause::kProcessEnded:
      return EndedBy::kNotSeen;
  }
  return EndedBy::kNotSeen;
}

}  // namespace pinfo

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
      return alone && readable ? Outcome::kAborted : Outcome::kUnknown;
    case EndCause::kNextTurn:
    case EndCause::kIdle:
    case EndCause::kClosed:
      return alone && readable ? Outcome::kComplete : Outcome::kUnknown;
    case EndCause::kLost:
    case EndCause::kFinish:
      return Outcome::kUnknown;
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
    case ResponseState::kUnframed:
      return OfUnframed(open, cause, alone);
  }
  return Outcome::kUnknown;
}

}  // namespace pinfo

#include "collector/store/rows.h"

namespace pinfo {

const char* OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kComplete:
      return "complete";
    case Outcome::kAborted:
      return "aborted";
    case Outcome::kUnknown:
      return "unknown";
    case Outcome::kPartial:
      return "partial";
  }
  return "unknown";  // a value that no build of this version writes
}

const char* EndedByName(EndedBy ended_by) {
  switch (ended_by) {
    case EndedBy::kNotSeen:
      return "";
    case EndedBy::kFraming:
      return "framing";
    case EndedBy::kClose:
      return "close";
    case EndedBy::kNextRequest:
      return "next_request";
    case EndedBy::kSilence:
      return "silence";
  }
  return "";
}

}  // namespace pinfo

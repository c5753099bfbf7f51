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

}  // namespace pinfo

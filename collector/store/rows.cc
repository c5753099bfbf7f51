#include "collector/store/rows.h"

#include <utility>

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

void StackEndCounts::Add(StackEnd end, int64_t count) {
  switch (end) {
    case StackEnd::kComplete:
      break;
    case StackEnd::kTruncated:
      truncated += count;
      break;
    case StackEnd::kBroken:
      broken += count;
      break;
    case StackEnd::kTooDeep:
      too_deep += count;
      break;
    case StackEnd::kMissing:
      missing += count;
      break;
  }
}

void StackEndCounts::Add(const StackEndCounts& other) {
  truncated += other.truncated;
  broken += other.broken;
  too_deep += other.too_deep;
  missing += other.missing;
}

std::string DescribeStackEnds(const StackEndCounts& ends) {
  std::string text;
  for (const auto& [count, what] :
       {std::pair{ends.truncated, " truncated"}, std::pair{ends.broken, " broken"},
        std::pair{ends.too_deep, " too deep"}, std::pair{ends.missing, " without a stack"}}) {
    if (count != 0) {
      text += (text.empty() ? "" : ", ") + std::to_string(count) + what;
    }
  }
  return text;
}

}  // namespace pinfo

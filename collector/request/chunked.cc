#include "collector/request/chunked.h"

#include <algorithm>

namespace pinfo {
namespace {

constexpr uint8_t kMaxSizeDigits = 15;  // fits 64 bits with room to add

int HexDigit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

void ChunkScanner::OnSizeEnd() {
  if (digits_ == 0) {
    state_ = State::kLost;
    return;
  }
  digits_ = 0;
  state_ = left_ == 0 ? State::kTrailer : State::kData;
}

void ChunkScanner::OnSizeByte(char c) {
  const int digit = HexDigit(c);
  if (digit >= 0 && digits_ < kMaxSizeDigits) {
    left_ = left_ * 16 + static_cast<uint64_t>(digit);
    ++digits_;
  } else if (c == '\n') {
    OnSizeEnd();
  } else if (c == ';' || c == ' ' || c == '\t' || c == '\r') {
    state_ = State::kExtension;
  } else {
    state_ = State::kLost;
  }
}

ChunkScanner::Progress ChunkScanner::Feed(std::string_view bytes) {
  size_t at = 0;
  while (at < bytes.size() && state_ != State::kDone && state_ != State::kLost) {
    if (state_ == State::kData) {
      const auto n = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size() - at));
      at += n;
      left_ -= n;
      state_ = left_ == 0 ? State::kDataEnd : State::kData;
      continue;
    }
    const char c = bytes[at++];
    switch (state_) {
      case State::kSize:
        OnSizeByte(c);
        break;
      case State::kExtension:
        if (c == '\n') {
          OnSizeEnd();
        }
        break;
      case State::kDataEnd:
        if (c == '\n') {
          state_ = State::kSize;
        } else if (c != '\r') {
          state_ = State::kLost;
        }
        break;
      case State::kTrailer:
        if (c == '\n') {
          state_ = State::kDone;
        } else if (c != '\r') {
          state_ = State::kTrailerLine;
        }
        break;
      case State::kTrailerLine:
        if (c == '\n') {
          state_ = State::kTrailer;
        }
        break;
      case State::kData:
      case State::kDone:
      case State::kLost:
        break;
    }
  }
  if (state_ == State::kDone) {
    return {Outcome::kDone, at};
  }
  return {state_ == State::kLost ? Outcome::kLost : Outcome::kMore, at};
}

ChunkScanner::Outcome ChunkScanner::Skip(uint64_t n) {
  if (n == 0 || state_ == State::kDone) {
    return state_ == State::kDone   ? Outcome::kDone
           : state_ == State::kLost ? Outcome::kLost
                                    : Outcome::kMore;
  }
  if (state_ != State::kData || n > left_) {
    state_ = State::kLost;
    return Outcome::kLost;
  }
  left_ -= n;
  if (left_ == 0) {
    state_ = State::kDataEnd;
  }
  return Outcome::kMore;
}

}  // namespace pinfo

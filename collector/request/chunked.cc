#include "collector/request/chunked.h"

#include <algorithm>
#include <string>

#include "bpf/wire.h"

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

constexpr std::string_view kLineEnd = "\r\n";

struct SizeLine {
  bool whole = false;  // false: no size, or the line's end lies beyond what is visible
  uint64_t size = 0;
  size_t bytes = 0;  // the line end included
};

SizeLine ReadSizeLine(std::string_view text) {
  SizeLine line;
  size_t digits = 0;
  while (digits < text.size() && digits < kMaxSizeDigits && HexDigit(text[digits]) >= 0) {
    line.size = line.size * 16 + static_cast<uint64_t>(HexDigit(text[digits++]));
  }
  const size_t end = text.find('\n', digits);
  if (digits == 0 || end == std::string_view::npos ||
      std::string_view("\r\n; \t").find(text[digits]) == std::string_view::npos) {
    return {};
  }
  line.whole = true;
  line.bytes = end + 1;
  return line;
}

// Whether text is trailer lines and an empty one, and nothing behind it.
bool IsTrailerSection(std::string_view text) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return false;
    }
    const bool empty = end == 0 || (end == 1 && text[0] == '\r');
    text.remove_prefix(end + 1);
    if (empty) {
      return text.empty();
    }
  }
  return false;
}

// Whether a line somewhere in back is that of a last chunk, followed by a trailer section.
BodyEnd LookForLastChunk(uint64_t size, std::string_view back) {
  const bool whole_buffer = back.size() == size || back.size() < PINFO_SEND_BACK_MAX;
  size_t line = whole_buffer ? 0 : back.find('\n') + 1;  // npos + 1 is 0, and no line
  if (line == 0 && !whole_buffer) {
    return BodyEnd::kUnknown;
  }
  for (; line < back.size(); line = back.find('\n', line) + 1) {
    const SizeLine last = ReadSizeLine(back.substr(line));
    if (last.whole && last.size == 0 && IsTrailerSection(back.substr(line + last.bytes))) {
      // Alone in its buffer, or behind the line end of the chunk before.
      const bool alone = whole_buffer && (line == 0 || back.substr(0, line) == kLineEnd);
      return alone ? BodyEnd::kEnded : BodyEnd::kLooks;
    }
    if (back.find('\n', line) == std::string_view::npos) {
      break;
    }
  }
  // The last chunk's line, or a part of it, may lie before what was seen: in an earlier send, or
  // behind trailer fields longer than that.
  std::string_view rest = back;
  if (rest.starts_with(kLineEnd) || rest.starts_with('\n')) {
    rest.remove_prefix(rest.front() == '\n' ? 1 : kLineEnd.size());
  }
  return IsTrailerSection(back) || IsTrailerSection(rest) ? BodyEnd::kUnknown : BodyEnd::kNotYet;
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

BodyEnd JudgeLastSend(uint64_t size, std::string_view front, std::string_view back) {
  if (back.empty()) {
    return BodyEnd::kNotYet;
  }
  if (!front.empty() && front.size() + back.size() >= size) {
    const std::string whole =
        std::string(front) + std::string(back.substr(front.size() + back.size() - size));
    return JudgeLastSend(size, {}, whole);
  }
  const uint64_t back_at = size - back.size();
  uint64_t at = 0;
  while (at < size) {
    const std::string_view seen = at >= back_at         ? back.substr(at - back_at)
                                  : at < front.size() ? front.substr(at)
                                                        : std::string_view{};
    const SizeLine line = ReadSizeLine(seen);
    if (!line.whole) {
      break;  // the send does not begin with a chunk, or the next chunk's size was not seen
    }
    if (line.size == 0) {
      if (at < back_at || !IsTrailerSection(seen.substr(line.bytes))) {
        break;
      }
      return BodyEnd::kEnded;
    }
    at += line.bytes + line.size + kLineEnd.size();
    if (at == size) {
      return BodyEnd::kNotYet;  // whole chunks, none of them the last
    }
  }
  return LookForLastChunk(size, back);
}

}  // namespace pinfo

// Finds the end of a chunked body (RFC 9112, 7.1) in bytes that come piece by piece and may be
// missing in places: within a chunk's data the scanner knows how far it can skip unseen bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pinfo {

class ChunkScanner {
 public:
  enum class Outcome : uint8_t {
    kMore,  // the body goes on; everything was consumed
    kDone,  // the body ended within these bytes
    kLost,  // malformed, or skipped past what a chunk's size told: the end cannot be found any more
  };
  struct Progress {
    Outcome outcome = Outcome::kMore;
    size_t consumed = 0;
  };

  // The body's next bytes. After kDone or kLost nothing is consumed.
  Progress Feed(std::string_view bytes);
  // The body's next n bytes were not seen.
  Outcome Skip(uint64_t n);
  // Of the chunk's data that it is in: as many bytes may be skipped.
  [[nodiscard]] uint64_t data_left() const { return state_ == State::kData ? left_ : 0; }
  [[nodiscard]] bool lost() const { return state_ == State::kLost; }
  void Lose() { state_ = State::kLost; }

 private:
  enum class State : uint8_t {
    kSize,
    kExtension,
    kData,
    kDataEnd,  // the line end after a chunk's data
    kTrailer,  // at the beginning of a trailer line; an empty one ends the body
    kTrailerLine,
    kDone,
    kLost,
  };
  void OnSizeByte(char c);
  void OnSizeEnd();

  State state_ = State::kSize;
  uint8_t digits_ = 0;
  uint64_t left_ = 0;  // of the chunk's size while it is read, then of its data
};

// What the last bytes of a chunked body so far say, where its chunks could not be followed.
enum class BodyEnd : uint8_t {
  kUnknown,  // they were not seen
  kNotYet,   // the last chunk is not there
  kLooks,    // they look like the last chunk, but may be data that look so
  kEnded,    // the last chunk: the chunks of this send lead there
};

// A send of `size` bytes, of which the first (front) and the last (back) were seen; back is empty
// where it does not end with an empty line. A back of less than PINFO_SEND_BACK_MAX bytes is a whole
// buffer that the server handed over: a last chunk that is one is no part of another chunk's data.
BodyEnd JudgeLastSend(uint64_t size, std::string_view front, std::string_view back);

}  // namespace pinfo

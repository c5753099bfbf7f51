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

}  // namespace pinfo

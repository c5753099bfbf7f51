// What plain message heads say, remembered: most requests on a connection have the head of the one
// before, byte by byte, and most responses too, so that few heads need to be parsed.
//
// Bounded: a head has one slot, which another one may take. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pinfo {

// A whole request of HTTP/1.x without a body, and nothing unusual about it.
struct PlainRequest {
  std::string method;
  std::string target;
  std::string host;  // NormalizeHost
  std::string protocol;
};

// The head of a final response whose length it tells.
struct PlainResponse {
  int32_t status = 0;
  uint64_t bytes = 0;  // of head and body
  std::string media_type;
};

class HeadCache {
 public:
  HeadCache() : requests_(kSlots), responses_(kSlots) {}

  // nullptr: the bytes are no such request, or not that alone. Valid until the next call.
  const PlainRequest* Request(std::string_view bytes);
  // The same for the head that the bytes begin with. to_head: it answers a HEAD.
  const PlainResponse* Response(std::string_view bytes, bool to_head);

 private:
  static constexpr size_t kSlots = 256;
  template <typename Facts>
  struct Slot {
    std::string bytes;
    bool to_head = false;
    bool plain = false;
    Facts facts;
  };

  std::vector<Slot<PlainRequest>> requests_;
  std::vector<Slot<PlainResponse>> responses_;
};

}  // namespace pinfo

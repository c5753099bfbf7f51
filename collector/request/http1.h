// HTTP/1.x message heads, parsed from a captured prefix of what a connection carried (RFC 9112).
//
// Pure functions over bytes; the views they return point into those bytes. Nothing is allocated.
// Parsing is lenient where servers are (bare LF, empty lines before a request, obs-fold, white
// space before a colon, header names in any case): pinfo describes what a server accepted, it does
// not judge it. Framing is the exception: a Content-Length that cannot be believed is kInvalid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pinfo {

enum class ParseOutcome : uint8_t {
  kSuccess,   // the whole head is there
  kNeedMore,  // so far it may be a head; what was read of it is filled in
  kInvalid,   // a request or status line of HTTP/1.x, but a head no framing can be taken from
  kNotHttp,   // not HTTP/1.x
};

struct HeadParse {
  ParseOutcome outcome = ParseOutcome::kNotHttp;
  size_t consumed =
      0;  // bytes up to the end of the head, its empty line included; 0 unless kSuccess
};

struct RequestHead {
  std::string_view method;   // empty until its end has been seen
  std::string_view target;   // as sent: origin, absolute, authority or "*" form; cut on kNeedMore
  std::string_view version;  // "HTTP/1.1"; "HTTP/0.9" for a request line without one
  std::string_view host;     // authority of an absolute or CONNECT target, else the Host field
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool close = false;       // Connection: close
  bool keep_alive = false;  // Connection: keep-alive
  bool upgrade = false;     // an Upgrade field
  bool expect_continue = false;
};

// How the end of a response's body is told (RFC 9112, 6.3).
enum class BodyFraming : uint8_t {
  kNone,  // HEAD, 1xx, 204, 304: no body whatever the fields say
  kLength,
  kChunked,
  kUntilClose,
};

struct ResponseHead {
  int32_t status = 0;  // 0 until the status line's three digits have been seen
  std::string_view version;
  BodyFraming framing = BodyFraming::kUntilClose;
  uint64_t content_length = 0;  // with kLength
  std::string_view media_type;  // of the Content-Type field, without parameters
  bool close = false;
  bool keep_alive = false;
};

// Empty lines before the request line are skipped and counted as consumed.
HeadParse ParseRequestHead(std::string_view bytes, RequestHead& head);

// method: of the request that is answered; empty where unknown.
HeadParse ParseResponseHead(std::string_view bytes, std::string_view method, ResponseHead& head);

// The value of the first field of that name (in any case) in a request or response head, white
// space trimmed; nullopt where there is none. The head may be cut at its end.
std::optional<std::string_view> FindField(std::string_view head, std::string_view name);

// ASCII only, as in header field names and tokens.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

}  // namespace pinfo

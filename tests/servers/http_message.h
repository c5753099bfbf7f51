// Just enough HTTP/1.1 for the test server: its own reading and writing of messages, independent of
// the parser under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace pinfo::testing {

enum class ParseOutcome { kNeedMore, kInvalid, kSuccess };

struct HttpRequest {
  std::string method;
  std::string target;
  std::string path;
  std::string query;
  std::string body;
  bool keep_alive = true;
  size_t consumed = 0;  // bytes of head and body

  // The number after name= in the query, or fallback.
  [[nodiscard]] int64_t Number(const std::string& name, int64_t fallback) const;
};

// Bodies by Content-Length only; a chunked request is kInvalid.
ParseOutcome ParseRequest(const std::string& bytes, HttpRequest& request);

// Content-Length always, except for 204 and 304; no body for those and for HEAD.
std::string FormatResponse(const HttpRequest& request, int status, const std::string& body);

}  // namespace pinfo::testing

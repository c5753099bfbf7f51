#include "tests/servers/http_message.h"

#include <cstdlib>

#include <strings.h>

namespace pinfo::testing {
namespace {

constexpr size_t kHeadMax = 65536;

// The value of a header of the head, empty if absent.
std::string Header(const std::string& head, const std::string& name) {
  for (size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at)) {
    at += 2;
    if (strncasecmp(head.c_str() + at, name.c_str(), name.size()) != 0) continue;
    if (head[at + name.size()] != ':') continue;
    size_t begin = head.find_first_not_of(' ', at + name.size() + 1);
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  return "";
}

}  // namespace

int64_t HttpRequest::Number(const std::string& name, int64_t fallback) const {
  std::string padded = "&" + query;
  size_t at = padded.find("&" + name + "=");
  if (at == std::string::npos) return fallback;
  return strtoll(padded.c_str() + at + name.size() + 2, nullptr, 10);
}

ParseOutcome ParseRequest(const std::string& bytes, HttpRequest& request) {
  size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) {
    return bytes.size() > kHeadMax ? ParseOutcome::kInvalid : ParseOutcome::kNeedMore;
  }
  std::string head = bytes.substr(0, end + 2);
  std::string line = head.substr(0, head.find("\r\n"));
  size_t first = line.find(' ');
  size_t second = line.find(' ', first + 1);
  if (first == std::string::npos || second == std::string::npos) return ParseOutcome::kInvalid;
  if (!Header(head, "Transfer-Encoding").empty()) return ParseOutcome::kInvalid;
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, second - first - 1);
  request.path = request.target.substr(0, request.target.find('?'));
  if (request.path.size() < request.target.size()) {
    request.query = request.target.substr(request.path.size() + 1);
  }
  request.keep_alive = line.ends_with("HTTP/1.1") && Header(head, "Connection") != "close";
  size_t length = strtoull(Header(head, "Content-Length").c_str(), nullptr, 10);
  request.consumed = end + 4 + length;
  if (bytes.size() < request.consumed) return ParseOutcome::kNeedMore;
  request.body = bytes.substr(end + 4, length);
  return ParseOutcome::kSuccess;
}

std::string FormatResponse(const HttpRequest& request, int status, const std::string& body) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " Known\r\n";
  bool bodiless = status == 204 || status == 304;
  if (!bodiless) head += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  if (!request.keep_alive) head += "Connection: close\r\n";
  head += "\r\n";
  return bodiless || request.method == "HEAD" ? head : head + body;
}

}  // namespace pinfo::testing

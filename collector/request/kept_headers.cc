#include "collector/request/kept_headers.h"

#include <algorithm>
#include <array>
#include <string>

#include "collector/request/http1.h"

namespace pinfo {
namespace {

constexpr size_t kMostHeaders = 24;
constexpr size_t kValueBytes = 300;
constexpr std::array<std::string_view, 18> kKept = {"Host",
                                                    "User-Agent",
                                                    "Referer",
                                                    "Origin",
                                                    "Accept",
                                                    "Accept-Encoding",
                                                    "Accept-Language",
                                                    "Content-Type",
                                                    "Content-Length",
                                                    "Transfer-Encoding",
                                                    "Connection",
                                                    "Range",
                                                    "If-None-Match",
                                                    "If-Modified-Since",
                                                    "X-Requested-With",
                                                    "X-Request-Id",
                                                    "Traceparent",
                                                    "Via"};
constexpr std::array<std::string_view, 4> kSecret = {"Cookie", "Authorization",
                                                     "Proxy-Authorization", "X-Api-Key"};

template <typename Names>
const std::string_view* Find(const Names& names, std::string_view name) {
  const auto found = std::ranges::find_if(
      names, [name](std::string_view each) { return EqualsIgnoreCase(each, name); });
  return found == names.end() ? nullptr : &*found;
}

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  return begin == std::string_view::npos
             ? std::string_view()
             : text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

}  // namespace

std::vector<HeaderRow> KeptHeaders(std::string_view head) {
  std::vector<HeaderRow> rows;
  // The request line first, perhaps after empty lines.
  const size_t begin = head.find_first_not_of("\r\n");
  size_t at = begin == std::string_view::npos ? begin : head.find('\n', begin);
  while (at != std::string_view::npos && rows.size() < kMostHeaders) {
    const size_t end = head.find('\n', at + 1);
    if (end == std::string_view::npos) {
      break;
    }
    const std::string_view line = Trimmed(head.substr(at + 1, end - at - 1));
    at = end;
    if (line.empty()) {
      break;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      continue;
    }
    const std::string_view name = Trimmed(line.substr(0, colon));
    if (const std::string_view* kept = Find(kKept, name)) {
      rows.push_back(
          {.name = std::string(*kept),
           .value = std::string(Trimmed(line.substr(colon + 1)).substr(0, kValueBytes))});
    } else if (const std::string_view* secret = Find(kSecret, name)) {
      rows.push_back({.name = std::string(*secret), .value = "..."});
    }
  }
  return rows;
}

}  // namespace pinfo

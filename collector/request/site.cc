#include "collector/request/site.h"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>

namespace pinfo {
namespace {

constexpr size_t kMaxHostName = 253;  // RFC 1035, 2.3.4, as text without the trailing dot

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool IsPort(std::string_view port) {
  return port.size() <= 5 &&
         std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// IPv6 in brackets. REQUIRES: lower case.
bool IsBracketed(std::string_view host) {
  return host.size() > 2 && host.size() <= 2 + INET6_ADDRSTRLEN && host.front() == '[' &&
         std::all_of(host.begin() + 1, host.end() - 1, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
         });
}

void AppendNumber(std::string& text, unsigned value) {
  char digits[8];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  text.append(digits, end);
}

}  // namespace

std::string NormalizeHost(std::string_view authority) {
  if (authority.empty() || authority.size() > kMaxHostName + 7) {
    return {};
  }
  std::string host(authority);
  std::transform(host.begin(), host.end(), host.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  const size_t host_end = host.front() == '[' ? host.find(']') + 1 : host.find(':');
  if (host.front() == '[' && host_end == 0) {
    return {};
  }
  std::string port;
  if (host_end < host.size()) {
    if (host[host_end] != ':' || !IsPort(std::string_view(host).substr(host_end + 1))) {
      return {};
    }
    port = host.substr(host_end);
    host.resize(host_end);
  }
  if (host.ends_with('.')) {
    host.pop_back();
  }
  const bool valid = host.starts_with('[') ? IsBracketed(host)
                                           : !host.empty() && host.size() <= kMaxHostName &&
                                                 std::all_of(host.begin(), host.end(), IsNameByte);
  if (!valid) {
    return {};
  }
  if (port != ":" && port != ":80" && port != ":443") {
    host += port;
  }
  return host;
}

const std::string& SiteOf(const ServedRequest& request) {
  return request.host.empty() ? request.local_address : request.host;
}

std::string FormatAddress(uint8_t transport, const uint8_t (&address)[16], uint16_t port) {
  std::string text;
  if (transport == PINFO_TRANSPORT_TCP4) {
    for (int i = 0; i < 4; ++i) {
      if (i > 0) {
        text += '.';
      }
      AppendNumber(text, address[i]);
    }
  } else if (transport == PINFO_TRANSPORT_TCP6) {
    char buffer[INET6_ADDRSTRLEN];
    text += '[';
    text += inet_ntop(AF_INET6, address, buffer, sizeof buffer);
    text += ']';
  } else {
    return transport == PINFO_TRANSPORT_UNIX ? "unix" : "";
  }
  text += ':';
  AppendNumber(text, port);
  return text;
}

}  // namespace pinfo

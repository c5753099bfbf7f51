// The site a request belongs to: the host it named, else the address it arrived at.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "collector/request/assembler.h"

namespace pinfo {

// A Host field's value or a target's authority as a site's name: lower case, without the default
// ports 80 and 443 and without a trailing dot. Empty where it cannot be a host name, an address or
// "[IPv6]", with a port or without: whoever connects chooses the value.
std::string NormalizeHost(std::string_view authority);

// host, else local_address.
const std::string& SiteOf(const ServedRequest& request);

// "127.0.0.1:8000", "[::1]:8000"; "unix" for unix sockets, empty where the transport is unknown.
// address: as in pinfo_received, IPv4 in the first four bytes.
std::string FormatAddress(uint8_t transport, const uint8_t (&address)[16], uint16_t port);

}  // namespace pinfo

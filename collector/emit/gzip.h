// gzip (RFC 1952): packed by libdeflate, unfolded by zlib, which can stop where it is too much.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "collector/base/result.h"

namespace pinfo {

Result<std::string> Gzip(std::string_view bytes);

// Fails on what is no gzip, is cut short, or unfolds to more than max_bytes.
Result<std::string> Gunzip(std::string_view bytes, size_t max_bytes);

}  // namespace pinfo

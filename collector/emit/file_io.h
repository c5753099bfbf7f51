// Whole files in and out. Errors name the file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "collector/base/result.h"

namespace pinfo {

// Replaces the file by a new one of these bytes (mode 0666 less the umask), or leaves it as it was.
// Not synced: after a power failure a profile is worth less than the wait for the disk.
Status WriteFileAtomically(const std::string& path, std::string_view bytes);

// Regular files only, and none larger than max_bytes: the path is whatever the user typed.
Result<std::string> ReadFile(const std::string& path, size_t max_bytes);

}  // namespace pinfo

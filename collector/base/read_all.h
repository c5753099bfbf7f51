// Reading small files of /proc.
#pragma once

#include <string>

namespace pinfo {

// What could be read of the file, nothing where nothing could. Never throws for it: /proc refuses
// some files only when they are read, or their process ends meanwhile, on which a standard stream's
// buffer throws.
std::string ReadAll(const std::string& path);

}  // namespace pinfo

// Opens files of another process: below its root directory, so that a container's files are the
// container's, and only regular files, so that no device or pipe of a target is ever touched.
#pragma once

#include <string>

#include "collector/base/result.h"
#include "collector/base/unique_fd.h"

namespace pinfo {

// Opens path for reading as a process whose root directory is root would see it (symbolic links
// cannot lead out of root). An empty root means this process's own. Fails for anything but a
// regular file, without opening it.
Result<UniqueFd> OpenInRoot(const std::string& root, const std::string& path);

}  // namespace pinfo

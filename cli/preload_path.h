// Where libpinfo.so is.
#pragma once

#include <string>

#include "collector/base/result.h"

namespace pinfo::cli {

// $PINFO_PRELOAD; else beside the executable, as in the build folder; else ../lib/pinfo/ from it,
// as installed. An absolute path, because the target may change its directory.
Result<std::string> FindPreloadLibrary();

}  // namespace pinfo::cli

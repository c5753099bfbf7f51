// Opening a database of pinfo's: what every class that reads or writes it begins with.
#pragma once

#include <string>

#include "collector/base/result.h"
#include "collector/store/sqlite_handle.h"

namespace pinfo::sqlite {

// Creates the file and its directory where they are missing, migrates an older schema. Fails with
// a clear message where the file is locked, read-only, of a newer schema or no database.
Result<Database> OpenForWriting(const std::string& path);

// Read-only, in one transaction from now on, so that all answers fit together. Fails where the file
// does not exist.
Result<Database> OpenForReading(const std::string& path);

}  // namespace pinfo::sqlite

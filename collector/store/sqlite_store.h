// The embedded store: one SQLite file in WAL mode. schema/ beside this file has its schema.
#pragma once

#include <memory>
#include <string>

#include "collector/base/result.h"
#include "collector/store/reader.h"
#include "collector/store/store.h"

namespace pinfo {

// Creates the file and its directory where they are missing, migrates an older schema. Fails with
// a clear message where the file is locked, read-only, of a newer schema or no database.
Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path);

// Read-only; fails where the file does not exist.
Result<std::unique_ptr<Reader>> OpenSqliteReader(const std::string& path);

}  // namespace pinfo

// The schema's versions and the way from one to the next.
#pragma once

#include <cstdint>
#include <span>

#include "collector/base/result.h"
#include "collector/store/sqlite_handle.h"

namespace pinfo::sqlite {

// "pinf": marks a file as pinfo's (PRAGMA application_id), so that a database of another program
// is never written to.
inline constexpr int32_t kApplicationId = 0x70696e66;

// schema/N_NAME.sql: element n leads from version n to n + 1.
std::span<const char* const> Migrations();
// Of this build. A database of a higher one is refused, of a lower one migrated.
inline int64_t SchemaVersion() { return static_cast<int64_t>(Migrations().size()); }

// Makes an opened database ready for writing: WAL, the schema created or brought up to date. Safe
// against other processes doing the same at the same time.
Status PrepareForWriting(Database& database);

// Fails where a Reader of this build would not understand the database.
Status CheckReadable(Database& database);

}  // namespace pinfo::sqlite

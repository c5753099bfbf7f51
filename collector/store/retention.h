// Keeps the database within an age and a size.
#pragma once

#include <cstdint>

#include "collector/base/result.h"
#include "collector/store/limits.h"
#include "collector/store/sqlite_handle.h"

namespace pinfo::sqlite {

// Bytes of the pages in use, free ones not counted.
Result<int64_t> BytesInUse(Database& database);

// Bytes of pages in use that are kept: a sixteenth less than the limit, so that free pages, of
// which some are kept for what comes next, and what is added between two looks have room in the
// file.
int64_t BytesToKeep(const RetentionLimits& limits);

// Deletes everything older than the limits' age; then, while there are more rows or more pages in
// use than they allow, the oldest requests, samples and /proc figures together, and once there are
// none the oldest minutes. Stops after about a fifth of a second, in the middle if need be: the
// next call goes on. Returns rows deleted. Freed pages are given back to the file system, but for a
// few.
//
// The WAL does not count: it shrinks by checkpoints, and deleting would only lengthen it. Names and
// stacks stay: they are few, and the caches of every writer rely on them.
// REQUIRES: no transaction is open.
Result<int64_t> Retain(Database& database, int64_t now_wall_ns, const RetentionLimits& limits);

}  // namespace pinfo::sqlite

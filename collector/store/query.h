// Queries of users over the database: they may only read, and only for so long.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "collector/base/result.h"

namespace pinfo {

// The first column of the first row as a number; nullopt where there is no row, or NULL in it.
// Fails where sql is not one single statement that reads, gives no number, or takes longer than
// timeout_ns. stop: ends it too.
Result<std::optional<double>> QueryNumber(const std::string& database_path, const std::string& sql,
                                          int64_t timeout_ns,
                                          const std::atomic<bool>* stop = nullptr);

}  // namespace pinfo

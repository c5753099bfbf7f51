#include "collector/store/query.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string_view>

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

namespace pinfo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kStepsBetweenLooks = 10'000;  // of SQLite's virtual machine: some 100 us
constexpr int kBytesMax = 16 << 20;         // of one text or blob, which a query could ask for
constexpr int kBusyMs = 100;

struct Limits {
  Clock::time_point deadline;
  const std::atomic<bool>* stop = nullptr;
};

int OnProgress(void* limits) {
  const auto* of = static_cast<const Limits*>(limits);
  return Clock::now() >= of->deadline || (of->stop != nullptr && *of->stop) ? 1 : 0;
}

// Reading tables and calling functions, nothing else: no ATTACH, no PRAGMA, no writing.
int Authorize(void*, int action, const char*, const char* second, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return second != nullptr && std::string_view(second) == "load_extension" ? SQLITE_DENY
                                                                               : SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using DatabaseHandle = std::unique_ptr<sqlite3, CloseDatabase>;
using StatementHandle = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

Result<DatabaseHandle> Open(const std::string& path, Limits& limits) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return FailErrno(path);
  }
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, nullptr);
  DatabaseHandle database(raw);
  if (code != SQLITE_OK) {
    return Fail(fmt::format("{}: {}", path, sqlite3_errmsg(raw)));
  }
  sqlite3_busy_timeout(raw, kBusyMs);
  sqlite3_exec(raw, "PRAGMA query_only = ON; PRAGMA cache_size = -8192", nullptr, nullptr, nullptr);
  sqlite3_limit(raw, SQLITE_LIMIT_LENGTH, kBytesMax);
  sqlite3_limit(raw, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_set_authorizer(raw, Authorize, nullptr);
  sqlite3_progress_handler(raw, kStepsBetweenLooks, OnProgress, &limits);
  return database;
}

bool IsBlank(const char* text) {
  return std::string_view(text).find_first_not_of(" \t\r\n;") == std::string_view::npos;
}

Result<std::optional<double>> NumberOf(sqlite3_stmt* statement) {
  switch (sqlite3_column_type(statement, 0)) {
    case SQLITE_NULL:
      return std::nullopt;
    case SQLITE_INTEGER:
    case SQLITE_FLOAT: {
      const double value = sqlite3_column_double(statement, 0);
      return std::isfinite(value) ? Result<std::optional<double>>(value)
                                  : Fail("the query gave no finite number");
    }
    default:
      break;
  }
  const std::string_view text(reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)),
                              static_cast<size_t>(sqlite3_column_bytes(statement, 0)));
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return Fail(fmt::format("the query gave '{}', which is no number", text.substr(0, 60)));
  }
  return value;
}

}  // namespace

Result<std::optional<double>> QueryNumber(const std::string& database_path, const std::string& sql,
                                          int64_t timeout_ns, const std::atomic<bool>* stop) {
  Limits limits{.deadline = Clock::now() + std::chrono::nanoseconds(timeout_ns), .stop = stop};
  const Result<DatabaseHandle> database = Open(database_path, limits);
  if (!database) {
    return tl::unexpected(database.error());
  }
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  int code = sqlite3_prepare_v2(database->get(), sql.c_str(), -1, &raw, &rest);
  const StatementHandle statement(raw);
  if (code == SQLITE_AUTH) {
    return Fail("the query may only read");
  }
  if (code != SQLITE_OK) {
    return Fail(fmt::format("the query is wrong: {}", sqlite3_errmsg(database->get())));
  }
  if (raw == nullptr || !IsBlank(rest)) {
    return Fail("the query must be one statement");
  }
  if (sqlite3_stmt_readonly(raw) == 0) {
    return Fail("the query may only read");
  }
  code = sqlite3_step(raw);
  if (code == SQLITE_ROW) {
    return NumberOf(raw);
  }
  if (code == SQLITE_DONE) {
    return std::nullopt;
  }
  if (code == SQLITE_INTERRUPT) {
    return Fail(fmt::format("the query did not end within {:.3g} s",
                            static_cast<double>(timeout_ns) / 1e9));
  }
  return Fail(fmt::format("the query failed: {}", sqlite3_errmsg(database->get())));
}

}  // namespace pinfo

#include "collector/store/sqlite_handle.h"

#include <cctype>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>

#include "collector/base/unique_fd.h"

namespace pinfo::sqlite {
namespace {

std::string SystemReason(sqlite3* database) {
  const int error = sqlite3_system_errno(database);
  return error == 0 ? sqlite3_errmsg(database) : std::generic_category().message(error);
}

// SQLite reads everything after '?' and every %HH of a file: URI as its own.
std::string FileUri(const std::string& path, std::string_view query) {
  std::string uri = "file:";
  for (const char c : path) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/' || c == '.' || c == '-' ||
        c == '_') {
      uri += c;
    } else {
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return uri + "?" + std::string(query);
}

// SQLite would create the file readable for everybody; what it adds beside it (-wal, -shm) gets the
// file's own mode. A failure is left for SQLite to report.
//
// Never opens a file that is there: closing it again would drop the locks that other connections of
// this process hold on it (fcntl(2)), and the next process to close the database would take itself
// for the last one and delete the -wal file below them (sqlite.org/howtocorrupt.html, 2.2).
void CreatePrivate(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600));
}

std::string Explain(sqlite3* database, int code) {
  switch (code & 0xff) {  // the low byte is the primary result code
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fmt::format(
          "is locked by another process since {} s; end that process, or use another --db",
          kBusyTimeoutMs / 1000);
    case SQLITE_READONLY:
      return "is read-only; make the file and its directory writable, or use another --db";
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_CANTOPEN:
      return fmt::format(
          "cannot be opened: {}; the directory must exist, and it and the file must be accessible "
          "to this user",
          SystemReason(database));
    case SQLITE_FULL:
      return "cannot grow: the disk is full; free some space, or keep less in the database";
    case SQLITE_IOERR:
      return fmt::format("cannot be read or written: {}; check the disk and its free space",
                         SystemReason(database));
    case SQLITE_NOTADB:
      return "is not a pinfo database; move the file away, or use another --db";
    case SQLITE_CORRUPT:
      return "is damaged; save what is readable with sqlite3 FILE .recover, then move it away";
    default:
      return fmt::format("SQLite error {}: {}", code, sqlite3_errmsg(database));
  }
}

}  // namespace

tl::unexpected<Error> FailSqlite(sqlite3* database, int code) {
  const char* path = sqlite3_db_filename(database, "main");
  return Fail(fmt::format("{}: {}", path == nullptr ? "database" : path, Explain(database, code)));
}

void Statement::BindAt(int index, std::string_view value) {
  // A null pointer would bind NULL, not the empty text.
  const char* data = value.data() == nullptr ? "" : value.data();
  Check(
      sqlite3_bind_text64(statement_.get(), index, data, value.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::BindBlobAt(int index, std::string_view value) {
  Check(sqlite3_bind_blob64(statement_.get(), index, value.data(), value.size(), SQLITE_STATIC));
}

Result<bool> Statement::Step() {
  sqlite3* database = sqlite3_db_handle(statement_.get());
  if (bind_error_ != SQLITE_OK) {
    const int code = std::exchange(bind_error_, SQLITE_OK);
    sqlite3_reset(statement_.get());
    return FailSqlite(database, code);
  }
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_.get());
    return false;
  }
  tl::unexpected<Error> failure = FailSqlite(database, code);
  sqlite3_reset(statement_.get());
  return failure;
}

std::string_view Statement::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_.get(), column);
  return text == nullptr ? std::string_view()
                         : std::string_view(
                               reinterpret_cast<const char*>(text),
                               static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column)));
}

std::string_view Statement::Blob(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  return bytes == nullptr
             ? std::string_view()
             : std::string_view(
                   static_cast<const char*>(bytes),
                   static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column)));
}

Status Statement::RunBound() {
  while (true) {
    const Result<bool> row = Step();
    if (!row) {
      return tl::unexpected(row.error());
    }
    if (!*row) {
      return {};
    }
  }
}

Result<std::optional<int64_t>> Statement::QueryBound() {
  const Result<bool> row = Step();
  if (!row) {
    return tl::unexpected(row.error());
  }
  if (!*row) {
    return std::nullopt;
  }
  const int64_t value = Int(0);
  // Stepping to the end, not only resetting: an INSERT ... RETURNING is complete only then.
  if (const Status rest = RunBound(); !rest) {
    return tl::unexpected(rest.error());
  }
  return value;
}

Result<Database> Database::Open(const std::string& path, OpenMode mode) {
  if (path.empty()) {
    return Fail("the database's path is empty; give one with --db");
  }
  // Nobody asks for SQLite's account of its memory, which takes a lock at each allocation. Without
  // effect, and no failure, once SQLite is in use.
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(configured);
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  std::string name = path;
  switch (mode) {
    case OpenMode::kReadWrite:
      CreatePrivate(path);
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
    case OpenMode::kReadOnly:
      flags |= SQLITE_OPEN_READONLY;
      break;
    case OpenMode::kImmutable:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
      name = FileUri(path, "immutable=1");
      break;
  }
  if (mode != OpenMode::kImmutable && path.front() != '/') {
    name = "./" + path;  // ":memory:" and the like are file names here
  }
  Database database;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  database.database_.reset(handle);  // also where it failed: the handle carries the message
  if (handle == nullptr) {
    return Fail(path + ": out of memory");
  }
  if (code != SQLITE_OK) {
    return Fail(fmt::format("{}: {}", path, Explain(handle, code)));
  }
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  return database;
}

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) {
    return FailSqlite(database_.get(), code);
  }
  return Statement(statement);
}

Status Database::Prepare(std::initializer_list<std::pair<Statement*, const char*>> statements) {
  for (const auto& [statement, sql] : statements) {
    Result<Statement> prepared = Prepare(sql);
    if (!prepared) {
      return tl::unexpected(prepared.error());
    }
    *statement = std::move(*prepared);
  }
  return {};
}

Status Database::Execute(const char* sql) {
  const int code = sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    return FailSqlite(database_.get(), code);
  }
  return {};
}

Status Database::Commit() {
  Status status = InTransaction() ? Execute("COMMIT")
                                  : Fail("the database has given the batch up; see the error before");
  if (!status) {
    Rollback();
  }
  return status;
}

void Database::Rollback() {
  if (InTransaction()) {
    // Whatever it reports, SQLite has left the transaction then.
    static_cast<void>(Execute("ROLLBACK"));
  }
}

Result<int64_t> Database::QueryInt(std::string_view sql) {
  Result<Statement> statement = Prepare(sql);
  if (!statement) {
    return tl::unexpected(statement.error());
  }
  const Result<std::optional<int64_t>> value = statement->Query();
  if (!value) {
    return tl::unexpected(value.error());
  }
  return value->value_or(0);
}

bool Database::LastErrorWasOfRow() const {
  const int code = sqlite3_errcode(database_.get()) & 0xff;
  const bool of_row = code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE ||
                      code == SQLITE_CONSTRAINT || code == SQLITE_TOOBIG;
  return of_row && InTransaction();
}

std::string Database::Path() const {
  const char* path = sqlite3_db_filename(database_.get(), "main");
  return path == nullptr ? "" : path;
}

}  // namespace pinfo::sqlite

// Move-only owners of SQLite's handles, and the one place that turns its result codes into messages
// for the user. sqlite3.h is included nowhere outside this folder.
//
// A Database and its Statements belong to one thread; a Statement must not outlive its Database.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sqlite3.h>

#include "collector/base/result.h"

namespace pinfo::sqlite {

// How long a statement waits for another process's transaction before it fails as locked.
inline constexpr int kBusyTimeoutMs = 5000;

// What went wrong, with which file, and what to do about it.
tl::unexpected<Error> FailSqlite(sqlite3* database, int code);

// A prepared statement, made to be used again and again.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  // Sets parameters 1..n. Text is not copied: it must live until Reset or the end of Run.
  template <typename... Values>
  void Bind(const Values&... values) {
    int index = 0;
    (BindAt(++index, values), ...);
  }
  // One parameter, from 1.
  template <std::integral Value>
  void BindAt(int index, Value value) {
    Check(sqlite3_bind_int64(statement_.get(), index, static_cast<sqlite3_int64>(value)));
  }
  void BindAt(int index, double value) {
    Check(sqlite3_bind_double(statement_.get(), index, value));
  }
  void BindAt(int index, std::string_view value);
  // Not copied, as text.
  void BindBlobAt(int index, std::string_view value);
  template <typename Value>
  void BindAt(int index, const std::optional<Value>& value) {
    if (value) {
      BindAt(index, *value);
    } else {
      Check(sqlite3_bind_null(statement_.get(), index));
    }
  }
  // True: a row is there to be read. False: the statement is done and has been reset.
  Result<bool> Step();
  // Ends the statement early; frees its read lock.
  void Reset() { sqlite3_reset(statement_.get()); }

  // Binds and runs to the end; rows are ignored.
  template <typename... Values>
  Status Run(const Values&... values) {
    Bind(values...);
    return RunBound();
  }
  // Binds and runs; the first column of the first row, or nullopt where there is no row.
  template <typename... Values>
  Result<std::optional<int64_t>> Query(const Values&... values) {
    Bind(values...);
    return QueryBound();
  }

  // As Run, the last parameter bound as a blob.
  Status RunBlob(int64_t first, int64_t second, std::string_view blob) {
    Bind(first, second);
    BindBlobAt(3, blob);
    return RunBound();
  }

  // Columns of the current row, from 0. Text is valid until the next Step or Reset.
  [[nodiscard]] int64_t Int(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
  }
  [[nodiscard]] double Real(int column) const {
    return sqlite3_column_double(statement_.get(), column);
  }
  [[nodiscard]] std::string_view Text(int column) const;
  // Valid until the next Step or Reset.
  [[nodiscard]] std::string_view Blob(int column) const;
  [[nodiscard]] bool IsNull(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
  }
  [[nodiscard]] std::optional<int64_t> OptionalInt(int column) const {
    return IsNull(column) ? std::nullopt : std::optional(Int(column));
  }

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };

  void Check(int code) {
    if (code != SQLITE_OK) {
      bind_error_ = code;
    }
  }
  Status RunBound();
  Result<std::optional<int64_t>> QueryBound();

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bind_error_ = SQLITE_OK;  // of the last Bind; Step reports it
};

enum class OpenMode : uint8_t {
  kReadWrite,  // creates the file (mode 0600: targets may hold secrets)
  kReadOnly,
  kImmutable,  // read-only without locks or shared memory: REQUIRES that nobody writes
};

class Database {
 public:
  static Result<Database> Open(const std::string& path, OpenMode mode);

  Result<Statement> Prepare(std::string_view sql);
  Status Prepare(std::initializer_list<std::pair<Statement*, const char*>> statements);
  // Runs statements that give no rows, or whose rows nobody wants.
  Status Execute(const char* sql);
  // A transaction that writes. SQLite may end it itself on an error such as a full disk: Commit then
  // fails. A failed Commit leaves nothing of it, nor does Rollback, which may come at any time.
  Status Begin() { return Execute("BEGIN IMMEDIATE"); }
  Status Commit();
  void Rollback();
  // The first column of the first row; 0 where there is none.
  Result<int64_t> QueryInt(std::string_view sql);

  [[nodiscard]] int64_t Changes() const { return sqlite3_changes64(database_.get()); }
  [[nodiscard]] int64_t LastInsertId() const { return sqlite3_last_insert_rowid(database_.get()); }
  [[nodiscard]] bool InTransaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }
  [[nodiscard]] bool ReadOnly() const { return sqlite3_db_readonly(database_.get(), "main") == 1; }
  // The last failure concerns one row's values only; the transaction can go on without it.
  [[nodiscard]] bool LastErrorWasOfRow() const;
  // The file's absolute path, symbolic links resolved.
  [[nodiscard]] std::string Path() const;

 private:
  struct Close {
    // close_v2: also right should a statement still exist.
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };

  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace pinfo::sqlite

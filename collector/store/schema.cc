#include "collector/store/schema.h"

#include <chrono>
#include <thread>

#include <fmt/format.h>

namespace pinfo::sqlite {
namespace {

struct Identity {
  int64_t version = 0;
  int64_t application_id = 0;
  int64_t objects = 0;  // tables, indexes ...
};

// REQUIRES a transaction, so that the three figures are of one moment: between two of them another
// process may make the database what it is.
Result<Identity> Identify(Database& database) {
  Identity identity;
  for (const auto& [value, sql] : {std::pair{&identity.version, "PRAGMA user_version"},
                                   {&identity.application_id, "PRAGMA application_id"},
                                   {&identity.objects, "SELECT count(*) FROM sqlite_master"}}) {
    const Result<int64_t> result = database.QueryInt(sql);
    if (!result) {
      return tl::unexpected(result.error());
    }
    *value = *result;
  }
  return identity;
}

Status CheckIdentity(const Database& database, const Identity& identity) {
  if (identity.objects != 0 && identity.application_id != kApplicationId) {
    return Fail(fmt::format("{}: is a database of another program, not of pinfo; use another --db",
                            database.Path()));
  }
  if (identity.version > SchemaVersion()) {
    return Fail(
        fmt::format("{}: was written by a newer pinfo (schema {}, this one knows {}); "
                    "use that pinfo, or another --db",
                    database.Path(), identity.version, SchemaVersion()));
  }
  return {};
}

Result<Identity> IdentifyInTransaction(Database& database) {
  if (Status status = database.Execute("BEGIN"); !status) {
    return tl::unexpected(status.error());
  }
  Result<Identity> identity = Identify(database);
  if (Status status = database.Execute("COMMIT"); !status && identity) {
    return tl::unexpected(status.error());
  }
  return identity;
}

// SQLite does not call its busy handler for this one statement.
Status SwitchToWal(Database& database) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(kBusyTimeoutMs);
  while (true) {
    Status status = database.Execute("PRAGMA journal_mode = WAL");
    if (status || Clock::now() > deadline) {
      return status;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Status MigrateInTransaction(Database& database) {
  const Result<Identity> identity = Identify(database);
  if (!identity) {
    return tl::unexpected(identity.error());
  }
  if (Status status = CheckIdentity(database, *identity); !status) {
    return status;
  }
  for (int64_t version = identity->version; version < SchemaVersion(); ++version) {
    const std::string stamp = fmt::format("PRAGMA user_version = {}; PRAGMA application_id = {}",
                                          version + 1, kApplicationId);
    for (const char* sql : {Migrations()[static_cast<size_t>(version)], stamp.c_str()}) {
      if (Status status = database.Execute(sql); !status) {
        return status;
      }
    }
  }
  return {};
}

Status Migrate(Database& database) {
  if (Status status = database.Begin(); !status) {
    return status;
  }
  Status status = MigrateInTransaction(database);
  if (!status) {
    database.Rollback();  // the first error is the one to report
    return status;
  }
  return database.Commit();
}

}  // namespace

Status PrepareForWriting(Database& database) {
  const Result<Identity> identity = IdentifyInTransaction(database);
  if (!identity) {
    return tl::unexpected(identity.error());
  }
  // Before anything is written: not a byte of somebody else's database may change.
  if (Status status = CheckIdentity(database, *identity); !status) {
    return status;
  }
  if (database.ReadOnly()) {
    return Fail(fmt::format(
        "{}: is read-only; make the file and its directory writable, or use another --db",
        database.Path()));
  }
  if (identity->objects == 0) {
    // Takes effect only on a file that is still empty; lets retention give pages back.
    if (Status status = database.Execute("PRAGMA auto_vacuum = INCREMENTAL"); !status) {
      return status;
    }
  }
  if (Status status = SwitchToWal(database); !status) {
    return status;
  }
  if (Status status = Migrate(database); !status) {
    return status;
  }
  // NORMAL: in WAL mode a power failure may lose the last batches but never damages the file.
  // The checkpoint size trades the WAL's length (16 MB) for fewer writes of the same pages.
  return database.Execute(
      "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
      "PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864;"
      "PRAGMA cache_size = -16384");
}

Status CheckReadable(Database& database) {
  const Result<Identity> identity = Identify(database);
  if (!identity) {
    return tl::unexpected(identity.error());
  }
  if (Status status = CheckIdentity(database, *identity); !status) {
    return status;
  }
  if (identity->version < SchemaVersion()) {
    return Fail(fmt::format(
        "{}: {}; start a collection (pinfo attach, run or collect) with it first", database.Path(),
        identity->objects == 0 ? "holds no data yet" : "was written by an older pinfo"));
  }
  return {};
}

}  // namespace pinfo::sqlite

#include "collector/store/maintenance.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <limits>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/unique_fd.h"
#include "collector/store/reader_queries.h"
#include "collector/store/request_blocks.h"
#include "collector/store/retention.h"
#include "collector/store/schema.h"
#include "collector/store/sqlite_handle.h"

namespace pinfo {
namespace {

using sqlite::Database;
using sqlite::OpenMode;
using sqlite::Statement;

// Pages given back or copied at a time: some milliseconds.
constexpr int kPagesAtOnce = 1000;
constexpr auto kPause = std::chrono::milliseconds(1);

// Tables that are no data of their own: names and numbers that others, and the caches of running
// collectors, refer to. What has rows of running things is told apart below.
constexpr std::array<std::string_view, 9> kKept = {"sequence", "host",  "site",     "route", "word",
                                                   "file",     "frame", "function", "stack"};
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kKeptInPart = {{
    {"process", "end_wall_ns IS NOT NULL"},
    {"session", "end_wall_ns IS NOT NULL"},
}};

int64_t FileBytes(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

Status RequireExists(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) == 0) {
    return {};
  }
  return errno == ENOENT ? Fail(path + ": there is no such database; name another one with --db")
                         : FailErrno(path + ": cannot be opened");
}

// Never creates a database: upkeep of one that is not there is a mistake in its name.
Result<Database> OpenForUpkeep(const std::string& path) {
  if (Status status = RequireExists(path); !status) {
    return tl::unexpected(status.error());
  }
  Result<Database> database = Database::Open(path, OpenMode::kReadWrite);
  if (!database) {
    return database;
  }
  if (Status status = sqlite::PrepareForWriting(*database); !status) {
    return tl::unexpected(status.error());
  }
  return database;
}

// Free pages go back to the file system, and the WAL into the file.
Status GiveBack(Database& database) {
  const std::string sql = fmt::format("PRAGMA incremental_vacuum({})", kPagesAtOnce);
  for (int64_t before = std::numeric_limits<int64_t>::max();;) {
    const Result<int64_t> free_pages = database.QueryInt("PRAGMA freelist_count");
    if (!free_pages) {
      return tl::unexpected(free_pages.error());
    }
    if (*free_pages == 0 || *free_pages >= before) {
      break;
    }
    before = *free_pages;
    if (Status status = database.Execute(sql.c_str()); !status) {
      return status;
    }
    std::this_thread::sleep_for(kPause);
  }
  // Where a reader is at work this does what it can; the rest follows with the next one.
  return database.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
}

// What a collector has put off becomes rows, which is all that is looked at below. What its process
// adds meanwhile it will settle itself.
Status SettleAll(Database& database) {
  sqlite::RequestBlocks blocks;
  if (Status status = blocks.Prepare(database); !status) {
    return status;
  }
  for (Settled settled{.rows = 1}; settled.rows + settled.unreadable > 0;) {
    const Result<Settled> next = blocks.SettleOne(database);
    if (!next) {
      return tl::unexpected(next.error());
    }
    settled = *next;
  }
  return {};
}

// remove(database) returns the rows it removed.
template <typename Remove>
Result<Removed> RemoveFrom(const std::string& path, Remove remove) {
  Result<Database> database = OpenForUpkeep(path);
  if (!database) {
    return tl::unexpected(database.error());
  }
  const int64_t before = FileBytes(path) + FileBytes(path + "-wal");
  if (Status status = SettleAll(*database); !status) {
    return tl::unexpected(status.error());
  }
  const Result<int64_t> rows = remove(*database);
  if (!rows) {
    return tl::unexpected(rows.error());
  }
  if (Status status = GiveBack(*database); !status) {
    return tl::unexpected(status.error());
  }
  const int64_t after = FileBytes(path) + FileBytes(path + "-wal");
  return Removed{.rows = *rows, .bytes = std::max<int64_t>(0, before - after)};
}

// Runs work in one transaction.
template <typename Work>
Result<int64_t> InTransaction(Database& database, Work work) {
  if (Status status = database.Begin(); !status) {
    return tl::unexpected(status.error());
  }
  Result<int64_t> rows = work();
  if (!rows) {
    database.Rollback();  // the first error is the one to report
  } else if (Status status = database.Commit(); !status) {
    return tl::unexpected(status.error());
  }
  return rows;
}

Result<std::vector<std::string>> TableNames(Database& database) {
  std::vector<std::string> names;
  const Status status = sqlite::ForEachRow(
      database,
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
      " ORDER BY name",
      [&](const Statement& row) {
        names.emplace_back(row.Text(0));
        return true;
      });
  if (!status) {
    return tl::unexpected(status.error());
  }
  return names;
}

Result<int64_t> DeleteAllData(Database& database) {
  Result<std::vector<std::string>> names = TableNames(database);
  if (!names) {
    return tl::unexpected(names.error());
  }
  // What is kept in part comes last: rows elsewhere may refer to it.
  std::stable_partition(names->begin(), names->end(), [](const std::string& name) {
    return std::ranges::find(kKeptInPart, name,
                             &std::pair<std::string_view, std::string_view>::first) ==
           kKeptInPart.end();
  });
  int64_t rows = 0;
  for (const std::string& name : *names) {
    if (std::ranges::find(kKept, name) != kKept.end()) {
      continue;
    }
    std::string sql = "DELETE FROM " + name;
    for (const auto& [table, condition] : kKeptInPart) {
      if (table == name) {
        sql += " WHERE " + std::string(condition);
      }
    }
    if (Status status = database.Execute(sql.c_str()); !status) {
      return tl::unexpected(status.error());
    }
    rows += database.Changes();
  }
  return rows;
}

}  // namespace

Result<Removed> RemoveProcesses(const std::string& path, std::span<const ProcessId> processes) {
  return RemoveFrom(path, [&](Database& database) {
    return InTransaction(database, [&]() -> Result<int64_t> {
      Result<Statement> statement = database.Prepare("DELETE FROM process WHERE id = ?1");
      if (!statement) {
        return tl::unexpected(statement.error());
      }
      int64_t rows = 0;
      for (const ProcessId process : processes) {
        if (Status status = statement->Run(process.value); !status) {
          return tl::unexpected(status.error());
        }
        rows += database.Changes();
      }
      return rows;
    });
  });
}

namespace {

RetentionLimits OnlyByAge(int64_t max_age_ns) {
  constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
  return {.max_age_ns = max_age_ns,
          .max_bytes = kNoLimit,
          .max_requests = kNoLimit,
          .max_processes = kNoLimit};
}

}  // namespace

Result<Removed> RemoveOlderThan(const std::string& path, int64_t now_wall_ns, int64_t max_age_ns) {
  return RemoveFrom(path, [&](Database& database) -> Result<int64_t> {
    for (int64_t rows = 0;;) {
      const Result<int64_t> removed = sqlite::Retain(database, now_wall_ns, OnlyByAge(max_age_ns));
      if (!removed || *removed == 0) {
        return removed ? Result<int64_t>(rows) : removed;
      }
      rows += *removed;
    }
  });
}

Result<Removed> RemoveEverything(const std::string& path) {
  return RemoveFrom(path, [](Database& database) {
    return InTransaction(database, [&] { return DeleteAllData(database); });
  });
}

Result<DatabaseInfo> DescribeDatabase(const std::string& path) {
  if (Status status = RequireExists(path); !status) {
    return tl::unexpected(status.error());
  }
  Result<Database> database = Database::Open(path, OpenMode::kReadOnly);
  if (!database) {
    return tl::unexpected(database.error());
  }
  if (Status status = database->Execute("BEGIN"); !status) {
    return tl::unexpected(status.error());
  }
  if (Status status = sqlite::CheckReadable(*database); !status) {
    return tl::unexpected(status.error());
  }
  DatabaseInfo info;
  info.path = database->Path();
  info.known_schema = sqlite::SchemaVersion();
  info.bytes = FileBytes(path);
  info.wal_bytes = FileBytes(path + "-wal");
  int64_t free_pages = 0;
  int64_t page_bytes = 0;
  for (const auto& [value, sql] : {std::pair{&info.schema, "PRAGMA user_version"},
                                   {&free_pages, "PRAGMA freelist_count"},
                                   {&page_bytes, "PRAGMA page_size"}}) {
    const Result<int64_t> figure = database->QueryInt(sql);
    if (!figure) {
      return tl::unexpected(figure.error());
    }
    *value = *figure;
  }
  info.free_bytes = free_pages * page_bytes;
  const Result<std::vector<std::string>> names = TableNames(*database);
  if (!names) {
    return tl::unexpected(names.error());
  }
  for (const std::string& name : *names) {
    const Result<int64_t> rows = database->QueryInt("SELECT count(*) FROM " + name);
    if (!rows) {
      return tl::unexpected(rows.error());
    }
    info.tables.push_back({.name = name, .rows = *rows});
  }
  const Result<Totals> totals = sqlite::LoadTotals(*database);
  if (!totals) {
    return tl::unexpected(totals.error());
  }
  if (totals->first_wall_ns != 0) {
    info.first_wall_ns = totals->first_wall_ns;
    info.last_wall_ns = totals->last_wall_ns;
  }
  return info;
}

Result<std::vector<std::string>> CheckDatabase(const std::string& path) {
  if (Status status = RequireExists(path); !status) {
    return tl::unexpected(status.error());
  }
  Result<Database> database = Database::Open(path, OpenMode::kReadOnly);
  if (!database) {
    return tl::unexpected(database.error());
  }
  std::vector<std::string> found;
  Status status =
      sqlite::ForEachRow(*database, "PRAGMA integrity_check(100)", [&](const Statement& row) {
        if (row.Text(0) != "ok") {
          found.emplace_back(row.Text(0));
        }
        return true;
      });
  if (status) {
    status = sqlite::ForEachRow(*database, "PRAGMA foreign_key_check", [&](const Statement& row) {
      found.push_back(fmt::format("table {}: row {} refers to a row of {} that is not there",
                                  row.Text(0), row.Int(1), row.Text(2)));
      return found.size() < 200;
    });
  }
  // Damage may also show as a failure to read at all: a finding, not a failure of the check.
  if (!status) {
    found.push_back(status.error().message);
  }
  if (found.empty()) {  // sound, but is it ours?
    if (Status ours = sqlite::CheckReadable(*database); !ours) {
      return tl::unexpected(ours.error());
    }
  }
  return found;
}

Status BackUpDatabase(const std::string& path, const std::string& to) {
  if (Status status = RequireExists(path); !status) {
    return status;
  }
  Result<Database> from = Database::Open(path, OpenMode::kReadOnly);
  if (!from) {
    return tl::unexpected(from.error());
  }
  if (Status status = sqlite::CheckReadable(*from); !status) {
    return status;
  }
  // Made here, so that an existing file, also one that appears meanwhile, is never written over.
  const UniqueFd file(open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) {
    return errno == EEXIST ? Fail(to + ": exists already; name a new file")
                           : FailErrno(to + ": cannot be created");
  }
  // It reads as of one moment: a writer in WAL mode neither waits nor disturbs it.
  Result<Statement> copy = from->Prepare("VACUUM INTO ?1");
  Status status = copy ? copy->Run(std::string_view(to)) : tl::unexpected(copy.error());
  if (status && fsync(file.get()) != 0) {
    status = FailErrno(to + ": cannot be written to disk");
  }
  if (!status) {
    unlink(to.c_str());
  }
  return status;
}

}  // namespace pinfo

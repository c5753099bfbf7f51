#include "collector/store/sqlite_open.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>

#include "collector/store/request_blocks.h"
#include "collector/store/schema.h"

namespace pinfo::sqlite {
namespace {

// For the owner alone: what is recorded may be private.
Status CreateDirectory(const std::filesystem::path& directory) {
  if (directory.empty()) {
    return {};
  }
  std::error_code error;
  if (std::filesystem::is_directory(directory, error)) {
    return {};
  }
  if (Status status = CreateDirectory(directory.parent_path()); !status) {
    return status;
  }
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return FailErrno(fmt::format("{}: cannot create the database's directory", directory.string()));
  }
  return {};
}

Result<Database> OpenSnapshot(const std::string& path, OpenMode mode) {
  Result<Database> database = Database::Open(path, mode);
  if (!database) {
    return database;
  }
  Status status =
      database->Execute("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768; BEGIN");
  if (status) {
    status = CheckReadable(*database);
  }
  if (status) {
    status = ShowUnsettled(*database);
  }
  if (status) {
    status = database->Execute("PRAGMA query_only = ON");
  }
  if (!status) {
    return tl::unexpected(status.error());
  }
  return database;
}

bool Exists(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0;
}

}  // namespace

Result<Database> OpenForWriting(const std::string& path) {
  if (const Status status = CreateDirectory(std::filesystem::path(path).parent_path()); !status) {
    return tl::unexpected(status.error());
  }
  Result<Database> database = Database::Open(path, OpenMode::kReadWrite);
  if (!database) {
    return tl::unexpected(database.error());
  }
  if (const Status status = PrepareForWriting(*database); !status) {
    return tl::unexpected(status.error());
  }
  return database;
}

Result<Database> OpenForReading(const std::string& path) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) != 0) {
    return errno == ENOENT
               ? Fail(fmt::format("{}: there is no such database; collect something first (pinfo "
                                  "attach or pinfo run), or name another one with --db",
                                  path))
               : FailErrno(fmt::format("{}: cannot be opened", path));
  }
  if (!S_ISREG(info.st_mode)) {
    return Fail(fmt::format("{}: is not a regular file; name a database with --db", path));
  }
  Result<Database> database = OpenSnapshot(path, OpenMode::kReadOnly);
  // Even a reader of a WAL database creates files beside it. Where it may not, the file can still
  // be read as it is while no writer has it open, which would show as a -wal file.
  if (!database && !Exists(path + "-wal")) {
    Result<Database> unchanging = OpenSnapshot(path, OpenMode::kImmutable);
    if (unchanging) {
      database = std::move(unchanging);
    }
  }
  if (!database) {
    return tl::unexpected(database.error());
  }
  return database;
}

}  // namespace pinfo::sqlite

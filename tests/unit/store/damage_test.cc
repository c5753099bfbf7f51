// Databases that cannot be used: each failure says what it is, of which file, and what to do.
#include <fstream>

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/store/schema.h"
#include "collector/store/sqlite_handle.h"
#include "tests/unit/store/store_fixture.h"

namespace pinfo {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;

class DamageTest : public StoreFixture {
 protected:
  void Execute(const char* sql) {
    Result<sqlite::Database> database = sqlite::Database::Open(path_, sqlite::OpenMode::kReadWrite);
    ASSERT_EQ(MessageOf(database), "");
    ASSERT_EQ(MessageOf(database->Execute(sql)), "");
  }
  std::string StoreMessage() { return MessageOf(OpenSqliteStore(path_)); }
  std::string ReaderMessage() { return MessageOf(OpenSqliteReader(path_)); }

  // Runs the function as an ordinary user in a child, for whom permissions count also where the
  // tests run as root; returns what it wrote.
  template <typename Function>
  std::string AsOrdinaryUser(Function function) {
    int ends[2] = {};
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      constexpr uid_t kNobody = 65534;
      const bool changed = ::geteuid() != 0 || (::setgid(kNobody) == 0 && ::setuid(kNobody) == 0);
      const std::string text = changed ? function() : "cannot change the user";
      const bool written = ::write(ends[1], text.data(), text.size()) == ssize_t(text.size());
      ::_exit(written ? 0 : 1);
    }
    ::close(ends[1]);
    std::string text;
    char buffer[512];
    for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof(buffer))) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    ::close(ends[0]);
    int exit_status = -1;
    ::waitpid(pid, &exit_status, 0);
    EXPECT_EQ(exit_status, 0);
    return text;
  }
};

TEST_F(DamageTest, DirectoriesAreCreatedForTheOwnerAlone) {
  path_ = (directory_ / "a" / "b" / "pinfo.db").string();
  OpenStore();
  struct stat info = {};
  ASSERT_EQ(::stat((directory_ / "a" / "b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

TEST_F(DamageTest, AMissingDatabase) {
  EXPECT_THAT(ReaderMessage(), AllOf(HasSubstr(path_), HasSubstr("no such database")));
  path_ = directory_.string();
  EXPECT_THAT(ReaderMessage(), HasSubstr("not a regular file"));
  EXPECT_THAT(StoreMessage(), HasSubstr("cannot be opened"));
  path_ = "";
  EXPECT_THAT(StoreMessage(), HasSubstr("--db"));
}

TEST_F(DamageTest, ADirectoryThatCannotBeCreated) {
  std::ofstream(directory_ / "file") << "x";
  path_ = (directory_ / "file" / "sub" / "pinfo.db").string();
  EXPECT_THAT(StoreMessage(), HasSubstr("cannot create the database's directory"));
}

TEST_F(DamageTest, NotADatabase) {
  const std::string text(5000, 'x');
  std::ofstream(path_) << text;
  EXPECT_THAT(StoreMessage(), AllOf(HasSubstr(path_), HasSubstr("not a pinfo database")));
  EXPECT_THAT(ReaderMessage(), AllOf(HasSubstr(path_), HasSubstr("not a pinfo database")));
  std::ifstream file(path_);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), text);
}

TEST_F(DamageTest, AnotherProgramsDatabaseIsLeftAlone) {
  Execute("CREATE TABLE theirs(x)");
  EXPECT_THAT(StoreMessage(), HasSubstr("another program"));
  EXPECT_THAT(ReaderMessage(), HasSubstr("another program"));
  Execute("INSERT INTO theirs VALUES (1)");
  EXPECT_FALSE(std::filesystem::exists(path_ + "-wal"));  // its journal mode is as it was
}

TEST_F(DamageTest, ANewerSchema) {
  OpenStore();
  Execute("PRAGMA user_version = 99");
  EXPECT_THAT(StoreMessage(), AllOf(HasSubstr("newer pinfo"), HasSubstr("schema 99")));
  EXPECT_THAT(ReaderMessage(), AllOf(HasSubstr("newer pinfo"), HasSubstr("schema 99")));
}

TEST_F(DamageTest, AnOlderSchemaIsMigratedWithItsRows) {
  Execute(sqlite::Migrations()[0]);
  Execute("PRAGMA user_version = 1");
  Execute(("PRAGMA application_id = " + std::to_string(sqlite::kApplicationId)).c_str());
  Execute(
      "INSERT INTO site VALUES (1, 'shop.example'); INSERT INTO route VALUES (1, 1, '/');"
      "INSERT INTO word VALUES (1, 'GET');"
      "INSERT INTO request VALUES (1, 1, 2, 3, 1, 1, 1, '/', 200, 0, 5, 6, NULL, NULL, NULL, NULL,"
      " NULL, NULL, 7, 8, 0, 0, '', 1)");
  EXPECT_THAT(ReaderMessage(), HasSubstr("older pinfo"));
  EXPECT_EQ(StoreMessage(), "");
  ASSERT_THAT(Requests(), SizeIs(1));
  EXPECT_EQ(Requests()[0].status, 200);
  EXPECT_FALSE(Requests()[0].tls);
}

TEST_F(DamageTest, AnEmptyFile) {
  std::ofstream file(path_);
  EXPECT_THAT(ReaderMessage(), HasSubstr("no data yet"));
  EXPECT_EQ(StoreMessage(), "");
  EXPECT_EQ(ReaderMessage(), "");
}

TEST_F(DamageTest, ALockedDatabase) {
  const std::unique_ptr<Store> holder = OpenStore();
  const std::unique_ptr<Store> waiter = OpenStore();
  ASSERT_TRUE(holder->Begin());
  ASSERT_TRUE(holder->AddRequest(MakeRequest(1)));
  EXPECT_EQ(ReaderMessage(), "");  // readers never wait
  EXPECT_THAT(MessageOf(waiter->Begin()), AllOf(HasSubstr(path_), HasSubstr("locked by another")));
  ASSERT_TRUE(holder->Commit());
  EXPECT_EQ(MessageOf(waiter->Begin()), "");
}

TEST_F(DamageTest, AReadOnlyDatabaseCanBeRead) {
  const std::unique_ptr<Store> store = OpenStore();
  AddRequests(*store, {MakeRequest(1)});
  // Written without a Store open, as a database is that another user left behind.
  const std::filesystem::path copy = directory_ / "copy.db";
  Execute("PRAGMA wal_checkpoint(TRUNCATE)");
  std::filesystem::copy_file(path_, copy);
  path_ = copy.string();
  ASSERT_EQ(::chmod(path_.c_str(), 0444), 0);
  ASSERT_EQ(::chmod(directory_.c_str(), 0555), 0);
  EXPECT_THAT(AsOrdinaryUser([this] { return StoreMessage(); }), HasSubstr("is read-only"));
  EXPECT_EQ(
      AsOrdinaryUser([this] { return std::to_string(OpenReader()->GetTotals()->request_rows); }),
      "1");
  ASSERT_EQ(::chmod(path_.c_str(), 0000), 0);
  EXPECT_THAT(AsOrdinaryUser([this] { return ReaderMessage(); }),
              AllOf(HasSubstr("cannot be opened"), HasSubstr("Permission denied")));
  path_ = (directory_ / "new" / "pinfo.db").string();
  EXPECT_THAT(AsOrdinaryUser([this] { return StoreMessage(); }),
              AllOf(HasSubstr("cannot create"), HasSubstr("Permission denied")));
  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
}

TEST_F(DamageTest, AFullDatabaseSaysSo) {
  Result<sqlite::Database> database = sqlite::Database::Open(path_, sqlite::OpenMode::kReadWrite);
  ASSERT_TRUE(database);
  ASSERT_TRUE(database->Execute("CREATE TABLE t(x); PRAGMA max_page_count = 3"));
  EXPECT_THAT(MessageOf(database->Execute("INSERT INTO t VALUES (zeroblob(100000))")),
              AllOf(HasSubstr(path_), HasSubstr("disk is full")));
}

// The limit on file sizes stands in for a disk without space: writes fail in the same way.
TEST_F(DamageTest, AFailedBatchLeavesTheStoreAsItWas) {
  const std::unique_ptr<Store> store = OpenStore();
  AddRequests(*store, {MakeRequest(1)});
  std::vector<RequestRow> batch;
  for (int64_t id = 2; id <= 20'000; ++id) {
    batch.push_back(MakeRequest(id));
    batch.back().site = "new.example";
    batch.back().target.assign(300, 'x');
  }
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight = {.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  ASSERT_TRUE(store->Begin());
  for (const RequestRow& row : batch) {
    if (!store->AddRequest(row)) {
      break;
    }
  }
  const Status failed = store->Commit();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, old_handler);
  EXPECT_THAT(MessageOf(failed), HasSubstr("free space"));

  EXPECT_THAT(Requests(), SizeIs(1));
  AddRequests(*store, batch);  // the same batch again, once there is space
  EXPECT_THAT(Requests({.site = "new.example"}), SizeIs(batch.size()));
}

// A writer that is killed in the middle of a batch leaves a database that opens.
TEST_F(DamageTest, SurvivesAKilledWriter) {
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    const std::unique_ptr<Store> store = OpenStore();
    AddRequests(*store, {MakeRequest(1), MakeRequest(2)});
    if (store->Begin() && store->AddRequest(MakeRequest(3))) {
      ::kill(::getpid(), SIGKILL);
    }
    ::_exit(1);
  }
  int exit_status = 0;
  ASSERT_EQ(::waitpid(pid, &exit_status, 0), pid);
  ASSERT_TRUE(WIFSIGNALED(exit_status));
  EXPECT_THAT(Requests(), SizeIs(2));
  const std::unique_ptr<Store> store = OpenStore();
  AddRequests(*store, {MakeRequest(3)});
  EXPECT_THAT(Requests(), SizeIs(3));
}

// Every page but the first overwritten: errors, never a crash or an endless loop.
TEST_F(DamageTest, DamagedPagesAreReported) {
  {
    const std::unique_ptr<Store> store = OpenStore();
    std::vector<RequestRow> rows;
    for (int64_t id = 1; id <= 2000; ++id) {
      rows.push_back(MakeRequest(id));
    }
    AddRequests(*store, rows);
  }
  const auto size = std::filesystem::file_size(path_);
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(size - 4096, '\x5a');
  file.close();
  const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(path_);
  const Status status = reader
                            ? (*reader)->ForEachRequest({}, [](const RequestRow&) { return true; })
                            : Status(tl::unexpected(reader.error()));
  EXPECT_THAT(MessageOf(status), AllOf(HasSubstr(path_), HasSubstr("damaged")));
}

}  // namespace
}  // namespace pinfo

#include "collector/store/monitor_rows.h"
#include "collector/store/monitor_store.h"
#include "collector/store/sqlite_handle.h"
#include "collector/store/sqlite_open.h"

namespace pinfo {
namespace {

using sqlite::Database;
using sqlite::Statement;

enum NotificationState : int { kWaiting = 0, kSent = 1, kGivenUp = 2 };

constexpr const char* kPutMonitor =
    "INSERT INTO monitor(name, title, description, group_name, unit, level, since_wall_ns,"
    " checked_wall_ns, value, text, pending_level, pending_since_wall_ns, warning, problem, "
    "no_value)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
    " ON CONFLICT(name) DO UPDATE SET title = excluded.title, description = excluded.description,"
    " group_name = excluded.group_name, unit = excluded.unit, level = excluded.level,"
    " since_wall_ns = excluded.since_wall_ns, checked_wall_ns = excluded.checked_wall_ns,"
    " value = excluded.value, text = excluded.text, pending_level = excluded.pending_level,"
    " pending_since_wall_ns = excluded.pending_since_wall_ns, warning = excluded.warning,"
    " problem = excluded.problem, no_value = excluded.no_value";
constexpr const char* kAddChange =
    "INSERT INTO monitor_change(name, wall_ns, level, value, text) VALUES (?1, ?2, ?3, ?4, ?5)";
constexpr const char* kPutNotified =
    "INSERT INTO notified(person, monitor, wall_ns, level) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT(person, monitor) DO UPDATE SET wall_ns = excluded.wall_ns,"
    " level = excluded.level";
constexpr const char* kEnqueue =
    "INSERT INTO notification(person, channel, kind, subject, text, html, json, created_wall_ns,"
    " state, attempts, next_wall_ns, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, ?8, '')";
constexpr const char* kClaim =
    "UPDATE notification SET attempts = attempts + 1, next_wall_ns = ?2 WHERE id IN"
    " (SELECT id FROM notification WHERE state = 0 AND next_wall_ns <= ?1"
    "  ORDER BY next_wall_ns LIMIT ?3)"
    " RETURNING id, person, channel, kind, subject, text, html, json, created_wall_ns, attempts";
constexpr const char* kRaise =
    "INSERT INTO monitoring_figure(name, value) VALUES (?1, ?2)"
    " ON CONFLICT(name) DO UPDATE SET value = excluded.value WHERE value < excluded.value";

class SqliteMonitorStore : public MonitorStore {
 public:
  explicit SqliteMonitorStore(Database database) : database_(std::move(database)) {}
  ~SqliteMonitorStore() override { Rollback(); }

  Status Prepare() {
    return database_.Prepare({{&put_monitor_, kPutMonitor},
                              {&add_change_, kAddChange},
                              {&put_notified_, kPutNotified},
                              {&enqueue_, kEnqueue},
                              {&claim_, kClaim},
                              {&raise_, kRaise}});
  }

  Status Begin() override { return database_.Begin(); }
  Status Commit() override { return database_.Commit(); }
  void Rollback() override { database_.Rollback(); }

  Result<std::map<std::string, MonitorRow>> Monitors() override {
    std::map<std::string, MonitorRow> monitors;
    const Status status = sqlite::ForEachMonitor(
        database_, [&](MonitorRow row) { monitors.emplace(row.name, std::move(row)); });
    return status ? Result<std::map<std::string, MonitorRow>>(std::move(monitors))
                  : tl::unexpected(status.error());
  }

  Status Put(const MonitorRow& row) override {
    return put_monitor_.Run(row.name, row.title, row.description, row.group, row.unit, row.level,
                            row.since_wall_ns, row.checked_wall_ns, row.value, row.text,
                            row.pending_level, row.pending_since_wall_ns, row.warning, row.problem,
                            row.no_value ? 1 : 0);
  }

  Status Remove(const std::string& name) override {
    for (const char* sql :
         {"DELETE FROM monitor WHERE name = ?1", "DELETE FROM notified WHERE monitor = ?1"}) {
      if (Status status = Run(sql, name); !status) {
        return status;
      }
    }
    return {};
  }

  Status AddChange(const MonitorChange& change) override {
    return add_change_.Run(change.name, change.wall_ns, change.level, change.value, change.text);
  }

  Result<NotifiedMap> AllNotified() override {
    NotifiedMap notified;
    const Status status =
        sqlite::ForEachRow(database_, "SELECT person, monitor, wall_ns, level FROM notified",
                           [&](const Statement& row) {
                             notified[{std::string(row.Text(0)), std::string(row.Text(1))}] = {
                                 .wall_ns = row.Int(2), .level = static_cast<uint8_t>(row.Int(3))};
                             return true;
                           });
    return status ? Result<NotifiedMap>(std::move(notified)) : tl::unexpected(status.error());
  }
  Status PutNotified(const std::string& person, const std::string& monitor,
                     const Notified& notified) override {
    return put_notified_.Run(person, monitor, notified.wall_ns, notified.level);
  }
  Status EraseNotified(const std::string& person, const std::string& monitor) override {
    return Run("DELETE FROM notified WHERE person = ?1 AND monitor = ?2", person, monitor);
  }

  Status Enqueue(const NotificationRow& row) override {
    return enqueue_.Run(row.person, row.channel, row.kind, row.subject, row.text, row.html,
                        row.json, row.created_wall_ns);
  }

  Result<std::vector<NotificationRow>> Claim(int64_t now_wall_ns, int64_t retry_wall_ns,
                                             int64_t most) override {
    std::vector<NotificationRow> rows;
    claim_.Bind(now_wall_ns, retry_wall_ns, most);
    while (true) {
      const Result<bool> row = claim_.Step();
      if (!row) {
        return tl::unexpected(row.error());
      }
      if (!*row) {
        return rows;
      }
      rows.push_back({.id = claim_.Int(0),
                      .person = std::string(claim_.Text(1)),
                      .channel = std::string(claim_.Text(2)),
                      .kind = std::string(claim_.Text(3)),
                      .subject = std::string(claim_.Text(4)),
                      .text = std::string(claim_.Text(5)),
                      .html = std::string(claim_.Text(6)),
                      .json = std::string(claim_.Text(7)),
                      .created_wall_ns = claim_.Int(8),
                      .attempts = claim_.Int(9)});
    }
  }
  Status MarkSent(int64_t id) override {
    return Run("UPDATE notification SET state = ?2, error = '' WHERE id = ?1", id,
               static_cast<int>(kSent));
  }
  Status MarkFailed(int64_t id, const std::string& error, int64_t next_wall_ns,
                    bool give_up) override {
    return Run("UPDATE notification SET state = ?2, error = ?3, next_wall_ns = ?4 WHERE id = ?1",
               id, static_cast<int>(give_up ? kGivenUp : kWaiting), error, next_wall_ns);
  }

  Result<bool> Raise(const std::string& name, int64_t value) override {
    if (const Status status = raise_.Run(name, value); !status) {
      return tl::unexpected(status.error());
    }
    return database_.Changes() > 0;
  }

  Status Retain(int64_t before_wall_ns, int64_t rows_max) override {
    for (const char* sql :
         {"DELETE FROM monitor_change WHERE id IN"
          " (SELECT id FROM monitor_change ORDER BY id LIMIT ?2) AND wall_ns < ?1",
          "DELETE FROM notification WHERE id IN"
          " (SELECT id FROM notification ORDER BY id LIMIT ?2) AND created_wall_ns < ?1"
          " AND state <> 0"}) {
      if (Status status = Run(sql, before_wall_ns, rows_max); !status) {
        return status;
      }
    }
    return {};
  }

 private:
  template <typename... Values>
  Status Run(const char* sql, const Values&... values) {
    Result<Statement> statement = database_.Prepare(sql);
    return statement ? statement->Run(values...) : tl::unexpected(statement.error());
  }

  Database database_;  // before the statements: they must go first
  Statement put_monitor_;
  Statement add_change_;
  Statement put_notified_;
  Statement enqueue_;
  Statement claim_;
  Statement raise_;
};

}  // namespace

Result<std::unique_ptr<MonitorStore>> OpenMonitorStore(const std::string& path) {
  Result<Database> database = sqlite::OpenForWriting(path);
  if (!database) {
    return tl::unexpected(database.error());
  }
  auto store = std::make_unique<SqliteMonitorStore>(std::move(*database));
  if (const Status status = store->Prepare(); !status) {
    return tl::unexpected(status.error());
  }
  return store;
}

}  // namespace pinfo

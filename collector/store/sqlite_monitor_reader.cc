#include "collector/store/monitor_rows.h"
#include "collector/store/sqlite_open.h"

namespace pinfo {
namespace {

using sqlite::Database;
using sqlite::ForEachRow;
using sqlite::Statement;

template <typename T>
Result<T> Outcome(const Status& status, T value) {
  return status ? Result<T>(std::move(value)) : tl::unexpected(status.error());
}

class SqliteMonitorReader : public MonitorReader {
 public:
  explicit SqliteMonitorReader(Database database) : database_(std::move(database)) {}

  Result<std::vector<MonitorRow>> Monitors() override {
    std::vector<MonitorRow> monitors;
    const Status status = sqlite::ForEachMonitor(
        database_, [&](MonitorRow row) { monitors.push_back(std::move(row)); });
    return Outcome(status, std::move(monitors));
  }

  Result<std::vector<MonitorChange>> Changes(const std::optional<std::string>& name,
                                             int64_t most) override {
    std::vector<MonitorChange> changes;
    const Status status = ForEachRow(
        database_,
        "SELECT name, wall_ns, level, value, text FROM monitor_change"
        " WHERE ?1 IS NULL OR name = ?1 ORDER BY wall_ns DESC, id DESC LIMIT ?2",
        [&](const Statement& row) {
          changes.push_back({.name = std::string(row.Text(0)),
                             .wall_ns = row.Int(1),
                             .level = static_cast<uint8_t>(row.Int(2)),
                             .value = row.IsNull(3) ? std::nullopt : std::optional(row.Real(3)),
                             .text = std::string(row.Text(4))});
          return true;
        },
        name, most);
    return Outcome(status, std::move(changes));
  }

  Result<NotificationCounts> Notifications() override {
    NotificationCounts counts;
    Status status = ForEachRow(database_, "SELECT state, count(*) FROM notification GROUP BY state",
                               [&](const Statement& row) {
                                 (row.Int(0) == 0   ? counts.waiting
                                  : row.Int(0) == 1 ? counts.sent
                                                    : counts.given_up) = row.Int(1);
                                 return true;
                               });
    if (status) {
      status = ForEachRow(database_,
                          "SELECT error FROM notification WHERE state = 0 AND error <> ''"
                          " ORDER BY id DESC LIMIT 1",
                          [&](const Statement& row) {
                            counts.last_error = row.Text(0);
                            return false;
                          });
    }
    return Outcome(status, std::move(counts));
  }

  Result<std::vector<RouteWindow>> Windows(int64_t since_minute) override {
    std::map<int64_t, RouteWindow> routes;
    Status status = ForEachRow(
        database_,
        "SELECT m.route_id, site.name, route.name, sum(m.count), sum(m.failed) FROM minute m"
        " JOIN route ON route.id = m.route_id JOIN site ON site.id = route.site_id"
        " WHERE m.minute >= ?1 GROUP BY m.route_id",
        [&](const Statement& row) {
          routes[row.Int(0)] = {.site = std::string(row.Text(1)),
                                .route = std::string(row.Text(2)),
                                .count = row.Int(3),
                                .failed = row.Int(4),
                                .histogram = {}};
          return true;
        },
        since_minute);
    if (status) {
      status = ForEachRow(
          database_,
          "SELECT m.route_id, b.bucket, sum(b.count) FROM minute m JOIN minute_bucket b"
          " ON b.minute_id = m.id WHERE m.minute >= ?1 GROUP BY m.route_id, b.bucket",
          [&](const Statement& row) {
            routes[row.Int(0)].histogram[static_cast<uint16_t>(row.Int(1))] = row.Real(2);
            return true;
          },
          since_minute);
    }
    std::vector<RouteWindow> windows;
    for (auto& [id, window] : routes) {
      windows.push_back(std::move(window));
    }
    return Outcome(status, std::move(windows));
  }

  Result<std::vector<ProcessMemory>> Memories(int64_t since_wall_ns) override {
    std::vector<ProcessMemory> memories;
    const Status status = ForEachRow(
        database_,
        "SELECT p.pid, p.comm, p.exe, s.rss_bytes FROM process p JOIN process_status s ON s.id ="
        " (SELECT id FROM process_status WHERE process_id = p.id ORDER BY wall_ns DESC LIMIT 1)"
        " WHERE p.end_wall_ns IS NULL AND p.seen_wall_ns >= ?1 AND s.wall_ns >= ?1",
        [&](const Statement& row) {
          memories.push_back({.pid = static_cast<uint32_t>(row.Int(0)),
                              .comm = std::string(row.Text(1)),
                              .exe = std::string(row.Text(2)),
                              .rss_bytes = row.Int(3)});
          return true;
        },
        since_wall_ns);
    return Outcome(status, std::move(memories));
  }

  Result<std::vector<LastMinute>> LastMinutes(int64_t since_minute) override {
    std::vector<LastMinute> minutes;
    const Status status = ForEachRow(
        database_,
        "SELECT site.name, route.name, max(m.minute) FROM minute m"
        " JOIN route ON route.id = m.route_id JOIN site ON site.id = route.site_id"
        " WHERE m.minute >= ?1 GROUP BY m.route_id",
        [&](const Statement& row) {
          minutes.push_back({.site = std::string(row.Text(0)),
                             .route = std::string(row.Text(1)),
                             .minute = row.Int(2)});
          return true;
        },
        since_minute);
    return Outcome(status, std::move(minutes));
  }

 private:
  Database database_;
};

}  // namespace

Result<std::unique_ptr<MonitorReader>> OpenMonitorReader(const std::string& path) {
  Result<Database> database = sqlite::OpenForReading(path);
  if (!database) {
    return tl::unexpected(database.error());
  }
  return std::make_unique<SqliteMonitorReader>(std::move(*database));
}

}  // namespace pinfo

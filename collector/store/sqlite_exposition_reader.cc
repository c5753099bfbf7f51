#include "collector/store/exposition_reader.h"
#include "collector/store/reader_queries.h"
#include "collector/store/sqlite_open.h"

namespace pinfo {
namespace {

using sqlite::Database;
using sqlite::ForEachRow;
using sqlite::Statement;

class SqliteExpositionReader : public ExpositionReader {
 public:
  explicit SqliteExpositionReader(Database database) : database_(std::move(database)) {}

  Result<std::map<RequestKey, RequestCounts>> Requests(int64_t from_minute,
                                                       int64_t until_minute) override {
    std::map<RequestKey, RequestCounts> requests;
    const auto key = [](const Statement& row) {
      return RequestKey{.site = std::string(row.Text(0)),
                        .route = std::string(row.Text(1)),
                        .method = std::string(row.Text(2)),
                        .status = static_cast<int32_t>(row.Int(3))};
    };
    Status status = ForEachRow(
        database_,
        "SELECT site.name, route.name, word.text, m.status, sum(m.count), sum(m.failed),"
        " sum(m.latency_sum_ns) FROM minute m JOIN route ON route.id = m.route_id"
        " JOIN site ON site.id = route.site_id JOIN word ON word.id = m.method_id"
        " WHERE m.minute >= ?1 AND m.minute < ?2 GROUP BY m.route_id, m.method_id, m.status",
        [&](const Statement& row) {
          RequestCounts& counts = requests[key(row)];
          counts.count = row.Int(4);
          counts.failed = row.Int(5);
          counts.latency_sum_ns = row.Int(6);
          return true;
        },
        from_minute, until_minute);
    if (status) {
      status = ForEachRow(
          database_,
          "SELECT site.name, route.name, word.text, m.status, b.bucket, sum(b.count) FROM minute m"
          " JOIN minute_bucket b ON b.minute_id = m.id JOIN route ON route.id = m.route_id"
          " JOIN site ON site.id = route.site_id JOIN word ON word.id = m.method_id"
          " WHERE m.minute >= ?1 AND m.minute < ?2"
          " GROUP BY m.route_id, m.method_id, m.status, b.bucket",
          [&](const Statement& row) {
            requests[key(row)].histogram[static_cast<uint16_t>(row.Int(4))] = row.Int(5);
            return true;
          },
          from_minute, until_minute);
    }
    return status ? Result<std::map<RequestKey, RequestCounts>>(std::move(requests))
                  : tl::unexpected(status.error());
  }

  Result<std::vector<ProcessFigures>> Processes(int64_t since_wall_ns) override {
    std::vector<ProcessFigures> processes;
    const Status status = ForEachRow(
        database_,
        "SELECT p.pid, p.comm, p.start_wall_ns, s.wall_ns, s.rss_bytes, s.virtual_bytes,"
        " s.user_cpu_ns, s.system_cpu_ns, s.read_bytes, s.written_bytes, s.threads, s.open_fds"
        " FROM process p JOIN process_status s ON s.id = (SELECT id FROM process_status"
        "  WHERE process_id = p.id ORDER BY wall_ns DESC LIMIT 1)"
        " WHERE p.end_wall_ns IS NULL AND p.seen_wall_ns >= ?1 AND s.wall_ns >= ?1"
        " ORDER BY p.pid",
        [&](const Statement& row) {
          ProcessFigures figures;
          figures.pid = static_cast<uint32_t>(row.Int(0));
          figures.comm = row.Text(1);
          figures.start_wall_ns = row.Int(2);
          figures.status.wall_ns = row.Int(3);
          figures.status.rss_bytes = row.Int(4);
          figures.status.virtual_bytes = row.Int(5);
          figures.status.user_cpu_ns = row.Int(6);
          figures.status.system_cpu_ns = row.Int(7);
          figures.status.read_bytes = row.Int(8);
          figures.status.written_bytes = row.Int(9);
          figures.status.threads = static_cast<int32_t>(row.Int(10));
          figures.status.open_fds = static_cast<int32_t>(row.Int(11));
          processes.push_back(std::move(figures));
          return true;
        },
        since_wall_ns);
    return status ? Result<std::vector<ProcessFigures>>(std::move(processes))
                  : tl::unexpected(status.error());
  }

  Result<LossCounts> Losses(int64_t since_wall_ns) override {
    LossCounts losses{};
    const Status status = ForEachRow(
        database_,
        "SELECT l.kind, sum(l.count) FROM session_loss l JOIN session s ON s.id = l.session_id"
        " WHERE s.start_wall_ns >= ?1 OR s.end_wall_ns IS NULL GROUP BY l.kind",
        [&](const Statement& row) {
          const auto kind = static_cast<size_t>(row.Int(0));
          if (kind < losses.size()) {
            losses[kind] = row.Int(1);
          }
          return true;
        },
        since_wall_ns);
    return status ? Result<LossCounts>(losses) : tl::unexpected(status.error());
  }

 private:
  Database database_;
};

}  // namespace

Result<std::unique_ptr<ExpositionReader>> OpenExpositionReader(const std::string& path) {
  Result<Database> database = sqlite::OpenForReading(path);
  if (!database) {
    return tl::unexpected(database.error());
  }
  return std::make_unique<SqliteExpositionReader>(std::move(*database));
}

}  // namespace pinfo

#include "collector/store/retention.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <span>

namespace pinfo::sqlite {
namespace {

constexpr auto kBudget = std::chrono::milliseconds(200);
constexpr int64_t kChunkRows = 2000;    // of one statement: other writers wait this long
constexpr int64_t kChunkMinutes = 500;  // each with its histogram
// With its index and the few buckets of its histogram that are in use, measured with 8 million.
constexpr int64_t kBytesOfMinute = 90;

// ?1: rows of an earlier time go; ?2: at most so many. Rows of sample and process_status come in
// nearly in order of time, so their oldest are among the first by id; an index by time would cost
// every insert.
constexpr const char* kDeleteRequests =
    "DELETE FROM request WHERE id IN (SELECT id FROM request WHERE start_wall_ns < ?1"
    " ORDER BY start_wall_ns LIMIT ?2)";
constexpr const char* kDeleteSamples =
    "DELETE FROM sample WHERE id IN (SELECT id FROM sample ORDER BY id LIMIT ?2)"
    " AND wall_ns < ?1";
constexpr const char* kDeleteStatuses =
    "DELETE FROM process_status WHERE id IN (SELECT id FROM process_status ORDER BY id LIMIT ?2)"
    " AND wall_ns < ?1";
constexpr const char* kDeleteSystems =
    "DELETE FROM system_status WHERE id IN (SELECT id FROM system_status ORDER BY id LIMIT ?2)"
    " AND wall_ns < ?1";
constexpr const char* kDeleteMinutes =
    "DELETE FROM minute WHERE id IN (SELECT id FROM minute WHERE minute < ?1 / 60000000000"
    " ORDER BY minute LIMIT ?2)";
constexpr const char* kDeleteSessions =
    "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE end_wall_ns < ?1 LIMIT ?2)";
// A process whose end nobody saw is over once its /proc figures have stopped coming.
constexpr const char* kDeleteProcesses =
    "DELETE FROM process WHERE id IN (SELECT id FROM process"
    " WHERE coalesce(end_wall_ns, seen_wall_ns) < ?1 AND NOT EXISTS"
    " (SELECT 1 FROM process_status WHERE process_id = process.id) LIMIT ?2)";

// Beyond a number: the longest ended, with their figures. Collectors may still write of one that
// has just ended.
constexpr const char* kDeleteEnded =
    "DELETE FROM process WHERE id IN (SELECT id FROM process"
    " WHERE coalesce(end_wall_ns, seen_wall_ns) < ?1 ORDER BY coalesce(end_wall_ns, seen_wall_ns)"
    " LIMIT ?2)";
constexpr int64_t kEndedNs = int64_t{600} * 1'000'000'000;
// Free pages are kept up to this share of the file: what comes next takes them.
constexpr int64_t kFreePagesShare = 64;

// Own metrics: values by minute, in the order of their series; hours and days stay.
constexpr const char* kOldestMetricMinute =
    "SELECT min((SELECT min(start_s) FROM metric_point WHERE series_id = s.id AND resolution = 60))"
    " * 1000000000 FROM metric_series s";
constexpr const char* kDeleteMetricMinutes =
    "DELETE FROM metric_point WHERE (series_id, resolution, start_s) IN"
    " (SELECT p.series_id, p.resolution, p.start_s FROM metric_series s JOIN metric_point p"
    "  ON p.series_id = s.id AND p.resolution = 60 AND p.start_s * 1000000000 < ?1 LIMIT ?2)";
constexpr const char* kDeleteMetricBuckets =
    "DELETE FROM metric_bucket WHERE (series_id, start_s, bucket) IN"
    " (SELECT b.series_id, b.start_s, b.bucket FROM metric_series s JOIN metric_bucket b"
    "  ON b.series_id = s.id AND b.start_s * 1000000000 < ?1 LIMIT ?2)";
constexpr int64_t kMetricChunkNs = int64_t{3'600} * 1'000'000'000;

class Sweep {
 public:
  explicit Sweep(Database& database) : database_(database) {}

  // Rows deleted by one statement, in a transaction of its own.
  Result<int64_t> Delete(const char* sql, int64_t before_wall_ns, int64_t limit) {
    Result<Statement> statement = database_.Prepare(sql);
    if (!statement) {
      return tl::unexpected(statement.error());
    }
    if (const Status status = statement->Run(before_wall_ns, limit); !status) {
      return tl::unexpected(status.error());
    }
    const int64_t rows = database_.Changes();
    deleted_ += rows;
    return rows;
  }

  // The same until nothing is left to delete or the time is over.
  Status DeleteAll(const char* sql, int64_t before_wall_ns, int64_t limit) {
    while (InTime()) {
      const Result<int64_t> rows = Delete(sql, before_wall_ns, limit);
      if (!rows) {
        return tl::unexpected(rows.error());
      }
      if (*rows == 0) {
        break;
      }
    }
    return {};
  }

  [[nodiscard]] bool InTime() const { return std::chrono::steady_clock::now() < deadline_; }
  [[nodiscard]] int64_t deleted() const { return deleted_; }

 private:
  Database& database_;
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::now() + kBudget;
  int64_t deleted_ = 0;
};

Status DeleteByAge(Sweep& sweep, int64_t cutoff) {
  struct Step {
    const char* sql;
    int64_t limit;
  };
  for (const Step& step : {Step{kDeleteSamples, kChunkRows}, Step{kDeleteRequests, kChunkRows},
                           Step{kDeleteStatuses, kChunkRows}, Step{kDeleteSystems, kChunkRows},
                           Step{kDeleteMinutes, kChunkMinutes}, Step{kDeleteSessions, kChunkRows},
                           Step{kDeleteProcesses, kChunkRows}}) {
    if (Status status = sweep.DeleteAll(step.sql, cutoff, step.limit); !status) {
      return status;
    }
  }
  return {};
}

// The time up to which one chunk of rows lies, of whichever table reaches back furthest; nullopt
// where no rows are left.
Result<std::optional<int64_t>> OldestChunkEnd(Database& database) {
  std::optional<int64_t> end;
  for (const char* sql :
       {"SELECT max(start_wall_ns) FROM"
        " (SELECT start_wall_ns FROM request ORDER BY start_wall_ns LIMIT ?1)",
        "SELECT max(wall_ns) FROM (SELECT wall_ns FROM sample ORDER BY id LIMIT ?1)",
        "SELECT max(wall_ns) FROM (SELECT wall_ns FROM process_status ORDER BY id LIMIT ?1)"}) {
    Result<Statement> statement = database.Prepare(sql);
    if (!statement) {
      return tl::unexpected(statement.error());
    }
    statement->Bind(kChunkRows);
    const Result<bool> row = statement->Step();
    if (!row) {
      return tl::unexpected(row.error());
    }
    if (*row && !statement->IsNull(0)) {
      end = std::min(end.value_or(std::numeric_limits<int64_t>::max()), statement->Int(0));
    }
  }
  const Result<int64_t> metric = database.QueryInt(kOldestMetricMinute);
  if (!metric) {
    return tl::unexpected(metric.error());
  }
  if (*metric != 0) {
    end = std::min(end.value_or(std::numeric_limits<int64_t>::max()), *metric + kMetricChunkNs);
  }
  return end;
}

// How many ids lie between a table's first row and its last: no fewer than rows. (Both in one
// SELECT would look at every row.)
Result<int64_t> IdRange(Database& database, const std::string& table) {
  return database.QueryInt("SELECT coalesce((SELECT max(id) FROM " + table +
                           ") - (SELECT min(id) FROM " + table + ") + 1, 0)");
}

// Minutes are what is known of requests without a row, and stay longest; but many routes' would
// leave no room for requests. Whether they take more than half of it, as told by their ids.
Result<bool> MinutesPrevail(Database& database, const RetentionLimits& limits) {
  return IdRange(database, "minute").map([&limits](int64_t rows) {
    return rows > limits.max_bytes / 2 / kBytesOfMinute;
  });
}

// One chunk; false where nothing is left to delete.
Result<bool> DeleteOldestChunk(Database& database, Sweep& sweep, const RetentionLimits& limits) {
  const Result<std::optional<int64_t>> end = OldestChunkEnd(database);
  if (!end) {
    return tl::unexpected(end.error());
  }
  const Result<bool> minutes_prevail = MinutesPrevail(database, limits);
  if (!minutes_prevail) {
    return minutes_prevail;
  }
  if (!*end || *minutes_prevail) {
    const Result<int64_t> rows =
        sweep.Delete(kDeleteMinutes, std::numeric_limits<int64_t>::max(), kChunkMinutes);
    return rows.map([](int64_t count) { return count > 0; });
  }
  int64_t total = 0;
  for (const char* sql : {kDeleteSamples, kDeleteRequests, kDeleteStatuses, kDeleteMetricMinutes,
                          kDeleteMetricBuckets}) {
    const Result<int64_t> rows = sweep.Delete(sql, **end + 1, kChunkRows);
    if (!rows) {
      return tl::unexpected(rows.error());
    }
    total += *rows;
  }
  return total > 0;
}

// How many rows of requests are too many. They are counted, which takes a look at each, only where
// their ids leave it open.
Result<int64_t> RequestsBeyond(Database& database, int64_t max_requests) {
  const Result<int64_t> ids = IdRange(database, "request");
  if (!ids || *ids <= max_requests) {
    return ids.map([](int64_t) { return int64_t{0}; });
  }
  return database.QueryInt("SELECT count(*) FROM request").map([max_requests](int64_t count) {
    return std::max<int64_t>(0, count - max_requests);
  });
}

Status DeleteByRows(Database& database, Sweep& sweep, int64_t now_wall_ns,
                    const RetentionLimits& limits) {
  const Result<int64_t> processes = database.QueryInt("SELECT count(*) FROM process");
  Result<int64_t> requests = RequestsBeyond(database, limits.max_requests);
  if (!processes || !requests) {
    return tl::unexpected(processes ? requests.error() : processes.error());
  }
  if (*processes > limits.max_processes) {
    const Result<int64_t> deleted =
        sweep.Delete(kDeleteEnded, now_wall_ns - kEndedNs,
                     std::min<int64_t>(kChunkRows, *processes - limits.max_processes));
    if (!deleted) {
      return tl::unexpected(deleted.error());
    }
  }
  while (*requests > 0 && sweep.InTime()) {
    const Result<int64_t> deleted = sweep.Delete(
        kDeleteRequests, std::numeric_limits<int64_t>::max(), std::min(kChunkRows, *requests));
    if (!deleted || *deleted == 0) {
      return deleted ? Status() : tl::unexpected(deleted.error());
    }
    *requests -= *deleted;
  }
  return {};
}

Status DeleteBySize(Database& database, Sweep& sweep, const RetentionLimits& limits) {
  do {  // at least once, whatever age and rows have taken of the time
    const Result<int64_t> bytes = BytesInUse(database);
    if (!bytes) {
      return tl::unexpected(bytes.error());
    }
    if (*bytes <= BytesToKeep(limits)) {
      break;
    }
    const Result<bool> more = DeleteOldestChunk(database, sweep, limits);
    if (!more) {
      return tl::unexpected(more.error());
    }
    if (!*more) {
      break;
    }
  } while (sweep.InTime());
  return {};
}

Status GiveBackPages(Database& database, const Sweep& sweep) {
  do {  // at least once, so that a database under constant pressure still shrinks
    const Result<int64_t> free_pages = database.QueryInt("PRAGMA freelist_count");
    if (!free_pages) {
      return tl::unexpected(free_pages.error());
    }
    const Result<int64_t> pages = database.QueryInt("PRAGMA page_count");
    if (!pages) {
      return tl::unexpected(pages.error());
    }
    if (*free_pages <= *pages / kFreePagesShare) {
      break;
    }
    if (Status status = database.Execute("PRAGMA incremental_vacuum(1000)"); !status) {
      return status;
    }
  } while (sweep.InTime());
  return {};
}

}  // namespace

Result<int64_t> BytesInUse(Database& database) {
  int64_t figures[3] = {};
  const char* const pragmas[3] = {"PRAGMA page_count", "PRAGMA freelist_count", "PRAGMA page_size"};
  for (size_t i = 0; i < std::size(figures); ++i) {
    const Result<int64_t> value = database.QueryInt(pragmas[i]);
    if (!value) {
      return value;
    }
    figures[i] = *value;
  }
  return (figures[0] - figures[1]) * figures[2];
}

int64_t BytesToKeep(const RetentionLimits& limits) {
  return limits.max_bytes - limits.max_bytes / 16;
}

Result<int64_t> Retain(Database& database, int64_t now_wall_ns, const RetentionLimits& limits) {
  Sweep sweep(database);
  if (const Status status = DeleteByAge(sweep, now_wall_ns - limits.max_age_ns); !status) {
    return tl::unexpected(status.error());
  }
  if (const Status status = DeleteByRows(database, sweep, now_wall_ns, limits); !status) {
    return tl::unexpected(status.error());
  }
  if (const Status status = DeleteBySize(database, sweep, limits); !status) {
    return tl::unexpected(status.error());
  }
  if (sweep.deleted() > 0) {
    if (const Status status = GiveBackPages(database, sweep); !status) {
      return tl::unexpected(status.error());
    }
  }
  return sweep.deleted();
}

}  // namespace pinfo::sqlite

#include <algorithm>

#include "collector/store/metric_store.h"
#include "collector/store/sqlite_handle.h"
#include "collector/store/sqlite_open.h"

namespace pinfo {
namespace {

using sqlite::Database;
using sqlite::Statement;

constexpr int64_t kMinuteSeconds = 60;
constexpr int64_t kResolutions[] = {kMinuteSeconds, 3'600, 86'400};

constexpr const char* kFindMetric = "SELECT id, kind FROM metric WHERE name = ?1";
constexpr const char* kAddMetric =
    "INSERT INTO metric(name, kind, title, unit, group_name, position, chart, declared)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
constexpr const char* kShowMetric =
    "UPDATE metric SET title = ?2, unit = ?3, group_name = ?4, position = ?5, chart = ?6,"
    " declared = 1 WHERE name = ?1";
// A metric without any value is of no kind yet.
constexpr const char* kSetKind =
    "UPDATE metric SET kind = ?2 WHERE name = ?1"
    " AND NOT EXISTS (SELECT 1 FROM metric_series WHERE metric_id = metric.id)";
constexpr const char* kTouchSeries =
    "INSERT INTO metric_series(metric_id, tags, last_wall_ns, last_value) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT(metric_id, tags) DO UPDATE SET"
    " last_value = iif(excluded.last_wall_ns >= last_wall_ns, excluded.last_value, last_value),"
    " last_wall_ns = max(last_wall_ns, excluded.last_wall_ns) RETURNING id";
constexpr const char* kAddPoint =
    "INSERT INTO metric_point(series_id, resolution, start_s, count, sum, min, max, last)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    " ON CONFLICT(series_id, resolution, start_s) DO UPDATE SET count = count + excluded.count,"
    " sum = sum + excluded.sum, min = min(min, excluded.min), max = max(max, excluded.max),"
    " last = excluded.last";
constexpr const char* kAddBucket =
    "INSERT INTO metric_bucket(series_id, start_s, bucket, count) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT(series_id, start_s, bucket) DO UPDATE SET count = count + excluded.count";
constexpr const char* kLastValue =
    "SELECT last_value FROM metric_series WHERE metric_id = ?1 AND tags = ?2";
constexpr const char* kAddFigure =
    "INSERT INTO monitoring_figure(name, value) VALUES (?1, ?2)"
    " ON CONFLICT(name) DO UPDATE SET value = value + excluded.value";
constexpr const char* kDeletePoints =
    "DELETE FROM metric_point WHERE (series_id, resolution, start_s) IN"
    " (SELECT p.series_id, p.resolution, p.start_s FROM metric_series s JOIN metric_point p"
    "  ON p.series_id = s.id AND p.resolution = ?1 AND p.start_s < ?2 LIMIT ?3)";
constexpr const char* kDeleteBuckets =
    "DELETE FROM metric_bucket WHERE (series_id, start_s, bucket) IN"
    " (SELECT b.series_id, b.start_s, b.bucket FROM metric_series s JOIN metric_bucket b"
    "  ON b.series_id = s.id AND b.start_s < ?1 LIMIT ?2)";

class SqliteMetricStore : public MetricStore {
 public:
  explicit SqliteMetricStore(Database database) : database_(std::move(database)) {}
  ~SqliteMetricStore() override { Rollback(); }

  Status Prepare() {
    return database_.Prepare({{&find_metric_, kFindMetric},
                              {&add_metric_, kAddMetric},
                              {&show_metric_, kShowMetric},
                              {&set_kind_, kSetKind},
                              {&touch_series_, kTouchSeries},
                              {&add_point_, kAddPoint},
                              {&add_bucket_, kAddBucket},
                              {&last_value_, kLastValue},
                              {&add_figure_, kAddFigure},
                              {&delete_points_, kDeletePoints},
                              {&delete_buckets_, kDeleteBuckets}});
  }

  Status Begin() override { return database_.Begin(); }
  Status Commit() override { return database_.Commit(); }
  void Rollback() override { database_.Rollback(); }

  Status Declare(const std::vector<MetricRow>& rows) override {
    if (Status status = database_.Execute("UPDATE metric SET declared = 0 WHERE declared = 1");
        !status) {
      return status;
    }
    for (const MetricRow& row : rows) {
      const Result<std::optional<Known>> known = Find(row.name);
      if (!known) {
        return tl::unexpected(known.error());
      }
      Status status = *known ? set_kind_.Run(row.name, row.kind) : Create(row);
      if (status) {
        status = show_metric_.Run(row.name, row.title, row.unit, row.group, row.order, row.chart);
      }
      if (!status) {
        return status;
      }
    }
    return {};
  }

  Result<MetricAdded> Add(const MetricSample& sample) override {
    Result<std::optional<Known>> known = Find(sample.name);
    if (known && !*known) {
      MetricRow row;
      row.name = sample.name;
      row.title = sample.name;
      row.kind = sample.kind;
      if (const Status status = Create(row); !status) {
        return tl::unexpected(status.error());
      }
      known = Find(sample.name);
    }
    if (!known) {
      return tl::unexpected(known.error());
    }
    if ((*known)->kind != sample.kind) {
      return MetricAdded::kOtherKind;
    }
    const Result<MetricPoint> absolute = Absolute((*known)->id, sample);
    if (!absolute) {
      return tl::unexpected(absolute.error());
    }
    const MetricPoint& point = *absolute;
    const Result<std::optional<int64_t>> series =
        touch_series_.Query((*known)->id, sample.tags, sample.wall_ns, point.last);
    if (!series) {
      return tl::unexpected(series.error());
    }
    const int64_t wall_s = sample.wall_ns / 1'000'000'000;
    for (const int64_t resolution : kResolutions) {
      const Status status =
          add_point_.Run(**series, resolution, wall_s - wall_s % resolution, point.count, point.sum,
                         point.min, point.max, point.last);
      if (!status) {
        return tl::unexpected(status.error());
      }
    }
    for (const auto& [bucket, count] : sample.histogram) {
      const Status status =
          add_bucket_.Run(**series, wall_s - wall_s % kMinuteSeconds, bucket, count);
      if (!status) {
        return tl::unexpected(status.error());
      }
    }
    return MetricAdded::kAdded;
  }

  Result<bool> Remove(const std::string& name) override {
    Result<Statement> statement = database_.Prepare("DELETE FROM metric WHERE name = ?1");
    if (!statement) {
      return tl::unexpected(statement.error());
    }
    if (const Status status = statement->Run(name); !status) {
      return tl::unexpected(status.error());
    }
    return database_.Changes() > 0;
  }

  Status Count(const std::string& name, int64_t count) override {
    return add_figure_.Run(name, count);
  }

  Result<int64_t> Retain(int64_t minutes_before_s, int64_t hours_before_s,
                         int64_t rows_max) override {
    int64_t deleted = 0;
    for (const auto& [resolution, before_s] :
         {std::pair{kResolutions[0], minutes_before_s}, {kResolutions[1], hours_before_s}}) {
      if (const Status status = delete_points_.Run(resolution, before_s, rows_max); !status) {
        return tl::unexpected(status.error());
      }
      deleted += database_.Changes();
    }
    if (const Status status = delete_buckets_.Run(minutes_before_s, rows_max); !status) {
      return tl::unexpected(status.error());
    }
    return deleted + database_.Changes();
  }

 private:
  struct Known {
    int64_t id = 0;
    uint8_t kind = 0;
  };

  Result<std::optional<Known>> Find(const std::string& name) {
    find_metric_.Bind(name);
    const Result<bool> row = find_metric_.Step();
    if (!row) {
      return tl::unexpected(row.error());
    }
    if (!*row) {
      return std::nullopt;
    }
    const Known known{.id = find_metric_.Int(0), .kind = static_cast<uint8_t>(find_metric_.Int(1))};
    find_metric_.Reset();
    return known;
  }
  Result<MetricPoint> Absolute(int64_t metric, const MetricSample& sample) {
    MetricPoint point = sample.point;
    if (!sample.relative) {
      return point;
    }
    last_value_.Bind(metric, sample.tags);
    const Result<bool> row = last_value_.Step();
    if (!row) {
      return tl::unexpected(row.error());
    }
    const double base = *row ? last_value_.Real(0) : 0;
    last_value_.Reset();
    point.sum += base * point.count;
    for (double* value : {&point.min, &point.max, &point.last}) {
      *value += base;
    }
    return point;
  }
  Status Create(const MetricRow& row) {
    return add_metric_.Run(row.name, row.kind, row.title, row.unit, row.group, row.order, row.chart,
                           row.declared ? 1 : 0);
  }

  Database database_;  // before the statements: they must go first
  Statement find_metric_;
  Statement add_metric_;
  Statement show_metric_;
  Statement set_kind_;
  Statement touch_series_;
  Statement add_point_;
  Statement add_bucket_;
  Statement last_value_;
  Statement add_figure_;
  Statement delete_points_;
  Statement delete_buckets_;
};

}  // namespace

Result<std::unique_ptr<MetricStore>> OpenMetricStore(const std::string& path) {
  Result<Database> database = sqlite::OpenForWriting(path);
  if (!database) {
    return tl::unexpected(database.error());
  }
  auto store = std::make_unique<SqliteMetricStore>(std::move(*database));
  if (const Status status = store->Prepare(); !status) {
    return tl::unexpected(status.error());
  }
  return store;
}

}  // namespace pinfo

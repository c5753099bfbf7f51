// What changed over time, in bins. Aggregation happens in SQLite: a history costs as much memory as
// it has bins, however many rows are behind it.
#include "collector/store/reader_queries.h"

namespace pinfo::sqlite {
namespace {

constexpr int64_t kNsPerMinute = 60'000'000'000;

// ?1, ?2: the range; ?3: a bin.
constexpr const char* kProcessHistory =
    "WITH step AS (SELECT process_id, wall_ns / ?3 * ?3 AS bin, rss_bytes, threads,"
    "  user_cpu_ns + system_cpu_ns - lag(user_cpu_ns + system_cpu_ns)"
    "   OVER (PARTITION BY process_id ORDER BY wall_ns) AS cpu_ns"
    "  FROM process_status WHERE wall_ns >= ?1 AND wall_ns < ?2),"
    " one AS (SELECT bin, avg(rss_bytes) AS rss_bytes, max(threads) AS threads,"
    "  coalesce(sum(max(cpu_ns, 0)), 0) AS cpu_ns FROM step GROUP BY process_id, bin)"
    " SELECT bin, count(*), cast(sum(rss_bytes) AS INTEGER), sum(cpu_ns), sum(threads)"
    " FROM one GROUP BY bin ORDER BY bin";

constexpr const char* kSystemColumns[] = {"memory_total_bytes",
                                          "memory_free_bytes",
                                          "memory_available_bytes",
                                          "memory_buffers_bytes",
                                          "memory_cached_bytes",
                                          "swap_total_bytes",
                                          "swap_free_bytes",
                                          "uptime_ns",
                                          "cpu_busy_ns",
                                          "cpu_idle_ns",
                                          "cpus",
                                          "load1_milli",
                                          "load5_milli",
                                          "load15_milli",
                                          "cpu_pressure_bp",
                                          "memory_pressure_bp",
                                          "io_pressure_bp"};

std::string SystemColumns(std::string_view before, std::string_view behind) {
  std::string columns;
  for (const char* column : kSystemColumns) {
    columns += ", ";
    columns += before;
    columns += column;
    columns += behind;
  }
  return columns;
}

SystemRow SystemOf(const Statement& row) {
  SystemRow system;
  int column = 0;
  system.host = row.Text(column++);
  for (int64_t SystemRow::*member :
       {&SystemRow::wall_ns, &SystemRow::memory_total_bytes, &SystemRow::memory_free_bytes,
        &SystemRow::memory_available_bytes, &SystemRow::memory_buffers_bytes,
        &SystemRow::memory_cached_bytes, &SystemRow::swap_total_bytes, &SystemRow::swap_free_bytes,
        &SystemRow::uptime_ns, &SystemRow::cpu_busy_ns, &SystemRow::cpu_idle_ns}) {
    system.*member = row.Int(column++);
  }
  for (int32_t SystemRow::*member : {&SystemRow::cpus, &SystemRow::load1_milli,
                                     &SystemRow::load5_milli, &SystemRow::load15_milli}) {
    system.*member = static_cast<int32_t>(row.Int(column++));
  }
  for (std::optional<int32_t> SystemRow::*member :
       {&SystemRow::cpu_pressure_bp, &SystemRow::memory_pressure_bp, &SystemRow::io_pressure_bp}) {
    if (const std::optional<int64_t> value = row.OptionalInt(column++)) {
      system.*member = static_cast<int32_t>(*value);
    }
  }
  return system;
}

template <typename... Values>
Result<std::vector<SystemRow>> LoadSystems(Database& database, const std::string& sql,
                                           const Values&... values) {
  std::vector<SystemRow> systems;
  const Status status = ForEachRow(
      database, sql,
      [&systems](const Statement& row) {
        systems.push_back(SystemOf(row));
        return true;
      },
      values...);
  if (!status) {
    return tl::unexpected(status.error());
  }
  return systems;
}

}  // namespace

Result<std::vector<LatencyCount>> LoadLatencyHistory(Database& database, const HistoryRange& range,
                                                     const std::optional<std::string>& site,
                                                     const std::optional<std::string>& route) {
  std::vector<LatencyCount> counts;
  const Status status = ForEachRow(
      database,
      "SELECT m.minute * 60000000000 / ?3 * ?3 AS bin, b.bucket, sum(b.count)"
      " FROM minute m JOIN minute_bucket b ON b.minute_id = m.id"
      " JOIN route ON route.id = m.route_id JOIN site ON site.id = route.site_id"
      " WHERE m.minute >= ?1 AND m.minute < ?2 AND (?4 IS NULL OR site.name = ?4)"
      " AND (?5 IS NULL OR route.name GLOB ?5) GROUP BY bin, b.bucket ORDER BY bin, b.bucket",
      [&counts](const Statement& row) {
        counts.push_back({.wall_ns = row.Int(0),
                          .bucket = static_cast<uint16_t>(row.Int(1)),
                          .count = row.Int(2)});
        return true;
      },
      range.since_wall_ns / kNsPerMinute,
      range.until_wall_ns / kNsPerMinute + (range.until_wall_ns % kNsPerMinute != 0 ? 1 : 0),
      range.bin_ns, site, route ? std::optional(GlobPattern(*route)) : std::nullopt);
  if (!status) {
    return tl::unexpected(status.error());
  }
  return counts;
}

Result<std::vector<ProcessesPoint>> LoadProcessHistory(Database& database,
                                                       const HistoryRange& range) {
  std::vector<ProcessesPoint> points;
  const Status status = ForEachRow(
      database, kProcessHistory,
      [&points](const Statement& row) {
        points.push_back({.wall_ns = row.Int(0),
                          .processes = static_cast<int32_t>(row.Int(1)),
                          .rss_bytes = row.Int(2),
                          .cpu_ns = row.Int(3),
                          .threads = static_cast<int32_t>(row.Int(4))});
        return true;
      },
      range.since_wall_ns, range.until_wall_ns, range.bin_ns);
  if (!status) {
    return tl::unexpected(status.error());
  }
  return points;
}

Result<std::vector<SystemRow>> LoadSystemHistory(Database& database, const HistoryRange& range) {
  return LoadSystems(database,
                     "SELECT host.machine_id, wall_ns / ?3 * ?3 AS bin" +
                         SystemColumns("cast(round(avg(", ")) AS INTEGER)") +
                         " FROM system_status JOIN host ON host.id = host_id"
                         " WHERE wall_ns >= ?1 AND wall_ns < ?2 GROUP BY bin, host_id"
                         " ORDER BY bin, host_id",
                     range.since_wall_ns, range.until_wall_ns, range.bin_ns);
}

Result<std::vector<SystemRow>> LoadLatestSystems(Database& database) {
  return LoadSystems(database,
                     "SELECT host.machine_id, wall_ns" + SystemColumns("", "") +
                         " FROM system_status s JOIN host ON host.id = host_id WHERE s.id ="
                         " (SELECT max(id) FROM system_status WHERE host_id = s.host_id)"
                         " ORDER BY host_id");
}

}  // namespace pinfo::sqlite

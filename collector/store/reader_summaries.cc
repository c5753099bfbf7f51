#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>
#include <sys/stat.h>

#include "collector/base/histogram.h"
#include "collector/store/reader_queries.h"

namespace pinfo::sqlite {
namespace {

using BucketCounts = std::vector<std::pair<uint16_t, int64_t>>;  // sorted by bucket

// The middle of the bucket that holds the value of this rank, within what was really measured.
int64_t Percentile(const BucketCounts& buckets, int64_t count, int percent,
                   const LatencySummary& bounds) {
  const int64_t rank = (count * percent + 99) / 100;
  int64_t seen = 0;
  for (const auto& [bucket, in_bucket] : buckets) {
    seen += in_bucket;
    if (seen >= rank) {
      const int64_t lower = HistogramLowerBound(bucket);
      const int64_t upper = HistogramLowerBound(static_cast<uint16_t>(bucket + 1)) - 1;
      return std::clamp(lower + (upper - lower) / 2, bounds.min_ns, bounds.max_ns);
    }
  }
  return bounds.max_ns;
}

void SetPercentiles(const BucketCounts& buckets, LatencySummary& summary) {
  int64_t count = 0;
  for (const auto& [bucket, in_bucket] : buckets) {
    count += in_bucket;
  }
  if (count == 0 || summary.min_ns > summary.max_ns) {
    return;
  }
  summary.p50_ns = Percentile(buckets, count, 50, summary);
  summary.p90_ns = Percentile(buckets, count, 90, summary);
  summary.p99_ns = Percentile(buckets, count, 99, summary);
}

// What minutes are summed up by. The expression may use minute m and route.
enum class Group : uint8_t { kAll, kSite, kRoute, kMinute };

std::string_view KeyOf(Group group) {
  switch (group) {
    case Group::kAll:
      return "0";
    case Group::kSite:
      return "route.site_id";
    case Group::kRoute:
      return "m.route_id";
    case Group::kMinute:
      return "m.minute";
  }
  return "0";  // not reached: every group is named above
}

constexpr int64_t kNsPerMinute = 60'000'000'000;

std::optional<int64_t> FirstMinute(const SummaryFilter& filter) {
  return filter.since_wall_ns ? std::optional(*filter.since_wall_ns / kNsPerMinute) : std::nullopt;
}

// The first minute that no longer counts.
std::optional<int64_t> EndMinute(const SummaryFilter& filter) {
  if (!filter.until_wall_ns) {
    return std::nullopt;
  }
  const bool within = *filter.until_wall_ns % kNsPerMinute != 0;
  return *filter.until_wall_ns / kNsPerMinute + (within ? 1 : 0);
}

// Of a minute m and its route. Numbered: 1 since, 2 until, 3 site, 4 route.
constexpr std::string_view kFiltered =
    " WHERE (?1 IS NULL OR m.minute >= ?1) AND (?2 IS NULL OR m.minute < ?2)"
    " AND (?3 IS NULL OR route.site_id = (SELECT id FROM site WHERE name = ?3))"
    " AND (?4 IS NULL OR route.name GLOB ?4)";

template <typename Visit>
Status ForEachFiltered(Database& database, const std::string& sql, const SummaryFilter& filter,
                       Visit visit) {
  const auto route =
      filter.route ? std::optional<std::string>(GlobPattern(*filter.route)) : std::nullopt;
  return ForEachRow(database, sql, visit, FirstMinute(filter), EndMinute(filter), filter.site,
                    route);
}

Result<std::map<int64_t, LatencySummary>> LoadSummaries(Database& database, Group group,
                                                        const SummaryFilter& filter) {
  std::map<int64_t, LatencySummary> summaries;
  std::map<int64_t, BucketCounts> histograms;
  const std::string sums = fmt::format(
      "SELECT {} AS key, sum(m.count), sum(m.failed), sum(m.latency_sum_ns), min(m.latency_min_ns),"
      " max(m.latency_max_ns), sum(m.timed), sum(m.on_cpu_sum_ns), sum(m.bytes_in),"
      " sum(m.bytes_out) FROM minute m JOIN route ON route.id = m.route_id{} GROUP BY key",
      KeyOf(group), kFiltered);
  const std::string buckets = fmt::format(
      "SELECT {} AS key, b.bucket, sum(b.count) FROM minute m JOIN route ON route.id = m.route_id"
      " JOIN minute_bucket b ON b.minute_id = m.id{}"
      " GROUP BY key, b.bucket ORDER BY key, b.bucket",
      KeyOf(group), kFiltered);
  Status status = ForEachFiltered(database, sums, filter, [&](const Statement& row) {
    summaries[row.Int(0)] = {.count = row.Int(1),
                             .failed = row.Int(2),
                             .sum_ns = row.Int(3),
                             .min_ns = row.Int(4),
                             .max_ns = row.Int(5),
                             .timed = row.Int(6),
                             .on_cpu_sum_ns = row.Int(7),
                             .bytes_in = row.Int(8),
                             .bytes_out = row.Int(9)};
    return true;
  });
  if (status) {
    status = ForEachFiltered(database, buckets, filter, [&](const Statement& row) {
      histograms[row.Int(0)].emplace_back(static_cast<uint16_t>(row.Int(1)), row.Int(2));
      return true;
    });
  }
  if (!status) {
    return tl::unexpected(status.error());
  }
  for (const auto& [key, histogram] : histograms) {
    SetPercentiles(histogram, summaries[key]);
  }
  return summaries;
}

int64_t FileBytes(const std::string& path) {
  struct stat info = {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

// Which single figures make up Totals; each has a query of its own.
struct Figure {
  int64_t Totals::*member;
  const char* sql;
};
constexpr Figure kFigures[] = {
    {&Totals::sites, "SELECT count(*) FROM site WHERE id IN (SELECT site_id FROM route)"},
    {&Totals::processes, "SELECT count(*) FROM process"},
    {&Totals::processes_alive, "SELECT count(*) FROM process WHERE end_wall_ns IS NULL"},
    {&Totals::request_rows, "SELECT count(*) FROM request"},
    // Minutes reach further back than rows: counts are kept where rows were thinned out.
    {&Totals::first_wall_ns,
     "SELECT coalesce((SELECT min(start_wall_ns) FROM request),"
     " (SELECT min(minute) * 60000000000 FROM minute), 0)"},
    {&Totals::last_wall_ns,
     "SELECT coalesce((SELECT max(start_wall_ns) FROM request),"
     " (SELECT max(minute) * 60000000000 FROM minute), 0)"},
    {&Totals::calls, "SELECT coalesce(sum(calls_seen), 0) FROM session"},
    {&Totals::calls_attributed, "SELECT coalesce(sum(calls_attributed), 0) FROM session"},
    {&Totals::own_cpu_ns, "SELECT coalesce(sum(own_cpu_ns), 0) FROM session"},
};

Status LoadSampleCounts(Database& database, Totals& totals) {
  return ForEachRow(database,
                    "SELECT stack_end, count(*), count(route_id) FROM sample GROUP BY stack_end",
                    [&totals](const Statement& row) {
                      totals.samples += row.Int(1);
                      totals.samples_attributed += row.Int(2);
                      totals.samples_incomplete.Add(static_cast<StackEnd>(row.Int(0)), row.Int(1));
                      return true;
                    });
}

Status LoadLosses(Database& database, Totals& totals) {
  return ForEachRow(database, "SELECT kind, sum(count) FROM session_loss GROUP BY kind",
                    [&totals](const Statement& row) {
                      const auto kind = static_cast<size_t>(row.Int(0));
                      if (kind < totals.lost.size()) {
                        totals.lost[kind] = row.Int(1);
                      }
                      return true;
                    });
}

// Which processes served each site.
Status AddProcesses(Database& database, std::vector<SiteSummary>& sites) {
  std::unordered_map<std::string_view, SiteSummary*> by_name;
  for (SiteSummary& each : sites) {
    by_name.emplace(each.site, &each);
  }
  return ForEachRow(
      database,
      "SELECT site.name, p.process_id, p.requests, p.failed, p.latency_sum_ns, p.timed,"
      " p.on_cpu_sum_ns, p.first_wall_ns, p.last_wall_ns FROM process_site p JOIN site ON"
      " site.id = p.site_id ORDER BY p.first_wall_ns, p.process_id",
      [&](const Statement& row) {
        if (const auto it = by_name.find(row.Text(0)); it != by_name.end()) {
          it->second->processes.push_back({.process = ProcessId{row.Int(1)},
                                           .site = it->second->site,
                                           .requests = row.Int(2),
                                           .failed = row.Int(3),
                                           .latency_sum_ns = row.Int(4),
                                           .timed = row.Int(5),
                                           .on_cpu_sum_ns = row.Int(6),
                                           .first_wall_ns = row.Int(7),
                                           .last_wall_ns = row.Int(8)});
        }
        return true;
      });
}

}  // namespace

Result<std::vector<RouteSummary>> LoadRoutes(Database& database, const SummaryFilter& filter) {
  Result<std::map<int64_t, LatencySummary>> summaries =
      LoadSummaries(database, Group::kRoute, filter);
  if (!summaries) {
    return tl::unexpected(summaries.error());
  }
  std::vector<RouteSummary> routes;
  const Status status =
      ForEachRow(database,
                 "SELECT route.id, site.name, route.name FROM route JOIN site ON"
                 " site.id = route.site_id ORDER BY site.name, route.name",
                 [&](const Statement& row) {
                   if (const auto it = summaries->find(row.Int(0)); it != summaries->end()) {
                     routes.push_back({.site = std::string(row.Text(1)),
                                       .route = std::string(row.Text(2)),
                                       .latency = it->second,
                                       .id = row.Int(0)});
                   }
                   return true;
                 });
  if (!status) {
    return tl::unexpected(status.error());
  }
  return routes;
}

Result<std::vector<SiteSummary>> LoadSites(Database& database, const SummaryFilter& filter) {
  Result<std::map<int64_t, LatencySummary>> summaries =
      LoadSummaries(database, Group::kSite, filter);
  if (!summaries) {
    return tl::unexpected(summaries.error());
  }
  std::vector<SiteSummary> sites;
  Status status = ForEachRow(
      database,
      "SELECT site.id, site.name, (SELECT count(*) FROM route WHERE site_id = site.id"
      " AND id IN (SELECT route_id FROM minute)) FROM site ORDER BY site.name",
      [&](const Statement& row) {
        if (const auto it = summaries->find(row.Int(0)); it != summaries->end()) {
          sites.push_back(
              {.site = std::string(row.Text(1)), .routes = row.Int(2), .latency = it->second});
        }
        return true;
      });
  if (status) {
    status = AddProcesses(database, sites);
  }
  if (!status) {
    return tl::unexpected(status.error());
  }
  return sites;
}

Result<std::vector<std::pair<int64_t, LatencySummary>>> LoadMinutes(Database& database,
                                                                    const SummaryFilter& filter) {
  const Result<std::map<int64_t, LatencySummary>> summaries =
      LoadSummaries(database, Group::kMinute, filter);
  if (!summaries) {
    return tl::unexpected(summaries.error());
  }
  return std::vector<std::pair<int64_t, LatencySummary>>(summaries->begin(), summaries->end());
}

Result<LatencySummary> LoadSummary(Database& database, const SummaryFilter& filter) {
  const Result<std::map<int64_t, LatencySummary>> summaries =
      LoadSummaries(database, Group::kAll, filter);
  if (!summaries) {
    return tl::unexpected(summaries.error());
  }
  return summaries->empty() ? LatencySummary() : summaries->begin()->second;
}

Result<Totals> LoadTotals(Database& database) {
  Totals totals;
  const Result<LatencySummary> latency = LoadSummary(database, {});
  if (!latency) {
    return tl::unexpected(latency.error());
  }
  totals.latency = *latency;
  for (const Figure& figure : kFigures) {
    const Result<int64_t> value = database.QueryInt(figure.sql);
    if (!value) {
      return tl::unexpected(value.error());
    }
    totals.*figure.member = *value;
  }
  for (const Status& status : {LoadSampleCounts(database, totals), LoadLosses(database, totals)}) {
    if (!status) {
      return tl::unexpected(status.error());
    }
  }
  totals.database_bytes = FileBytes(database.Path()) + FileBytes(database.Path() + "-wal");
  return totals;
}

}  // namespace pinfo::sqlite

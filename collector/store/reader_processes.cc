#include <functional>
#include <unordered_map>

#include <fmt/format.h>

#include "collector/store/reader_queries.h"

namespace pinfo::sqlite {
namespace {

ProcessRow ProcessOf(const Statement& row) {
  ProcessRow process;
  int column = 0;
  process.id.value = row.Int(column++);
  process.host = row.Text(column++);
  process.boot_id = row.Text(column++);
  process.pid.value = static_cast<uint32_t>(row.Int(column++));
  process.start_ticks = static_cast<uint64_t>(row.Int(column++));
  process.parent.value = static_cast<uint32_t>(row.Int(column++));
  process.mode = row.Text(column++);
  process.exe = row.Text(column++);
  process.comm = row.Text(column++);
  process.cwd = row.Text(column++);
  process.argv = row.Text(column++);
  process.uid = static_cast<uint32_t>(row.Int(column++));
  process.start_wall_ns = row.Int(column++);
  process.seen_wall_ns = row.Int(column++);
  process.end_wall_ns = row.OptionalInt(column++);
  if (const std::optional<int64_t> status = row.OptionalInt(column++)) {
    process.exit_status = static_cast<int32_t>(*status);
  }
  process.runtime = row.Text(column++);
  process.listen = row.Text(column);
  return process;
}

StatusRow StatusOf(const Statement& row) {
  StatusRow status;
  int column = 0;
  status.process.value = row.Int(column++);
  status.wall_ns = row.Int(column++);
  status.rss_bytes = row.Int(column++);
  status.peak_rss_bytes = row.Int(column++);
  status.virtual_bytes = row.Int(column++);
  status.user_cpu_ns = row.Int(column++);
  status.system_cpu_ns = row.Int(column++);
  status.read_bytes = row.Int(column++);
  status.written_bytes = row.Int(column++);
  status.threads = static_cast<int32_t>(row.Int(column++));
  status.open_fds = static_cast<int32_t>(row.Int(column++));
  status.pss_bytes = row.OptionalInt(column);
  return status;
}

using SummaryById = std::unordered_map<int64_t, ProcessSummary*>;

Status AddRequestCounts(Database& database, const SummaryById& by_id) {
  return ForEachRow(database,
                    "SELECT process_id, sum(requests), sum(failed), sum(latency_sum_ns),"
                    " sum(timed), sum(on_cpu_sum_ns) FROM process_site GROUP BY process_id",
                    [&](const Statement& row) {
                      if (const auto it = by_id.find(row.Int(0)); it != by_id.end()) {
                        ProcessSummary& summary = *it->second;
                        summary.requests = row.Int(1);
                        summary.failed = row.Int(2);
                        summary.latency_sum_ns = row.Int(3);
                        summary.timed = row.Int(4);
                        summary.on_cpu_sum_ns = row.Int(5);
                      }
                      return true;
                    });
}

Status AddRanges(Database& database, const SummaryById& by_id) {
  return ForEachRow(
      database,
      "SELECT process_id, count(*), min(rss_bytes), max(rss_bytes), sum(rss_bytes),"
      " max(peak_rss_bytes), min(threads), max(threads), sum(threads) FROM process_status"
      " GROUP BY process_id",
      [&](const Statement& row) {
        if (const auto it = by_id.find(row.Int(0)); it != by_id.end()) {
          ProcessSummary& summary = *it->second;
          summary.statuses = row.Int(1);
          summary.min_rss_bytes = row.Int(2);
          summary.max_rss_bytes = row.Int(3);
          summary.sum_rss_bytes = row.Int(4);
          summary.max_peak_rss_bytes = row.Int(5);
          summary.min_threads = static_cast<int32_t>(row.Int(6));
          summary.max_threads = static_cast<int32_t>(row.Int(7));
          summary.sum_threads = row.Int(8);
        }
        return true;
      });
}

// selected: the id of the row wanted, of process p.
Status ForEachStatus(Database& database, const char* selected,
                     const std::function<void(int64_t, const StatusRow&)>& visit) {
  return ForEachRow(
      database,
      fmt::format(
          "SELECT s.process_id, s.wall_ns, s.rss_bytes, s.peak_rss_bytes, s.virtual_bytes,"
          " s.user_cpu_ns, s.system_cpu_ns, s.read_bytes, s.written_bytes, s.threads, s.open_fds,"
          " s.pss_bytes FROM process p CROSS JOIN process_status s ON s.id = ({})",
          selected),
      [&](const Statement& row) {
        visit(row.Int(0), StatusOf(row));
        return true;
      });
}

Status AddStatuses(Database& database, const SummaryById& by_id) {
  if (Status status = AddRanges(database, by_id); !status) {
    return status;
  }
  Status status = ForEachStatus(
      database,
      "SELECT id FROM process_status WHERE process_id = p.id ORDER BY wall_ns DESC LIMIT 1",
      [&](int64_t process, const StatusRow& row) {
        if (const auto it = by_id.find(process); it != by_id.end()) {
          it->second->last = row;
        }
      });
  if (!status) {
    return status;
  }
  return ForEachStatus(
      database,
      "SELECT id FROM process_status WHERE process_id = p.id AND pss_bytes IS NOT NULL"
      " ORDER BY wall_ns DESC LIMIT 1",
      [&](int64_t process, const StatusRow& row) {
        if (const auto it = by_id.find(process); it != by_id.end()) {
          it->second->pss_bytes = row.pss_bytes;
        }
      });
}

SessionRow SessionOf(const Statement& row) {
  SessionRow session;
  int column = 0;
  session.id = row.Int(column++);
  session.mode = row.Text(column++);
  session.command = row.Text(column++);
  session.start_wall_ns = row.Int(column++);
  session.end_wall_ns = row.OptionalInt(column++);
  session.requests_seen = row.Int(column++);
  session.rows_thinned = row.Int(column++);
  session.samples_seen = row.Int(column++);
  session.samples_attributed = row.Int(column++);
  session.own_cpu_ns = row.Int(column++);
  session.own_peak_rss_bytes = row.Int(column++);
  session.upgraded = row.Int(column++);
  session.other_route = row.Int(column++);
  session.calls_seen = row.Int(column++);
  session.calls_attributed = row.Int(column);
  return session;
}

}  // namespace

Result<std::vector<ProcessSummary>> LoadProcesses(Database& database) {
  std::vector<ProcessSummary> processes;
  Status status = ForEachRow(
      database,
      "SELECT p.id, host.machine_id, p.boot_id, p.pid, p.start_ticks, p.parent_pid, p.mode, p.exe,"
      " p.comm, p.cwd, p.argv, p.uid, p.start_wall_ns, p.seen_wall_ns, p.end_wall_ns, "
      "p.exit_status,"
      " p.runtime, p.listen"
      " FROM process p JOIN host ON host.id = p.host_id ORDER BY p.start_wall_ns, p.id",
      [&](const Statement& row) {
        processes.emplace_back().process = ProcessOf(row);
        return true;
      });
  SummaryById by_id;
  for (ProcessSummary& summary : processes) {
    by_id.emplace(summary.process.id.value, &summary);
  }
  if (status) {
    status = AddRequestCounts(database, by_id);
  }
  if (status) {
    status = AddStatuses(database, by_id);
  }
  if (!status) {
    return tl::unexpected(status.error());
  }
  return processes;
}

Result<std::vector<SessionRow>> LoadSessions(Database& database) {
  std::vector<SessionRow> sessions;
  Status status = ForEachRow(
      database,
      "SELECT id, mode, command, start_wall_ns, end_wall_ns, requests_seen, rows_thinned,"
      " samples_seen, samples_attributed, own_cpu_ns, own_peak_rss_bytes, upgraded, other_route,"
      " calls_seen, calls_attributed FROM session ORDER BY start_wall_ns, id",
      [&](const Statement& row) {
        sessions.push_back(SessionOf(row));
        return true;
      });
  std::unordered_map<int64_t, SessionRow*> by_id;
  for (SessionRow& session : sessions) {
    by_id.emplace(session.id, &session);
  }
  if (status) {
    status = ForEachRow(database, "SELECT session_id, kind, count FROM session_loss",
                        [&](const Statement& row) {
                          const auto it = by_id.find(row.Int(0));
                          const auto kind = static_cast<size_t>(row.Int(1));
                          if (it != by_id.end() && kind < it->second->lost.size()) {
                            it->second->lost[kind] = row.Int(2);
                          }
                          return true;
                        });
  }
  if (!status) {
    return tl::unexpected(status.error());
  }
  return sessions;
}

Result<std::vector<HostRow>> LoadHosts(Database& database) {
  std::vector<HostRow> hosts;
  const Status status =
      ForEachRow(database, "SELECT machine_id, uname, fqdn, addresses FROM host ORDER BY id",
                 [&](const Statement& row) {
                   hosts.push_back({.host = std::string(row.Text(0)),
                                    .uname = std::string(row.Text(1)),
                                    .fqdn = std::string(row.Text(2)),
                                    .addresses = std::string(row.Text(3))});
                   return true;
                 });
  if (!status) {
    return tl::unexpected(status.error());
  }
  return hosts;
}

}  // namespace pinfo::sqlite

#include "cli/status_text.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/format.h"
#include "cli/session_text.h"
#include "cli/table.h"
#include "collector/store/own_cost.h"

namespace pinfo::cli {
namespace {

// "12 of 34 (35%)"; of nothing there is no share.
std::string Share(int64_t part, int64_t whole) {
  return whole > 0 ? fmt::format("{} of {} ({})", part, whole, FormatPercent(part, whole))
                   : fmt::format("{} of {}", part, whole);
}

// "0.3 ms of 12.4 ms (2.4%)" is what the tool took of what it looked at, as the processes' own CPU.
std::string OwnShareText(const Overview& overview) {
  const int64_t watched = overview.usage.user_cpu_ns + overview.usage.system_cpu_ns;
  const OwnCost own = OwnCostOf(overview.sessions);
  if (watched <= 0 || own.cpu_ns <= 0) {
    return {};
  }
  return fmt::format("own overhead: {} beside {} of the processes' CPU time ({})\n",
                     FormatDuration(own.cpu_ns), FormatDuration(watched),
                     FormatPercent(own.cpu_ns, watched));
}

std::string TotalsText(const Overview& overview, const std::string& database) {
  const Totals& totals = overview.totals;
  const std::string own_cost = DescribeOwnCost(OwnCostOf(overview.sessions)) + "\n";
  const LatencySummary& latency = totals.latency;
  std::string text = fmt::format("{}, {}\n", database, FormatBytes(totals.database_bytes));
  if (latency.count == 0) {
    return text + "No requests yet.\n" + own_cost;
  }
  text += fmt::format("{} at {}, {} failed, from {} to {}\n", Count(latency.count, "request"),
                      Count(totals.sites, "site"), latency.failed,
                      FormatLocalTime(totals.first_wall_ns), FormatLocalTime(totals.last_wall_ns));
  text += fmt::format("latency: {} to {}, mean {}, p50 {}, p90 {}, p99 {}, {} in all\n",
                      FormatDuration(latency.min_ns), FormatDuration(latency.max_ns),
                      FormatDuration(latency.sum_ns / latency.count),
                      FormatDuration(latency.p50_ns), FormatDuration(latency.p90_ns),
                      FormatDuration(latency.p99_ns), FormatDuration(latency.sum_ns));
  if (const auto load = LoadPercent(latency.on_cpu_sum_ns, latency.sum_ns);
      load && latency.timed > 0) {
    text +=
        fmt::format("CPU in requests: {} of their {} ({:.1f}%)\n",
                    FormatDuration(latency.on_cpu_sum_ns), FormatDuration(latency.sum_ns), *load);
  }
  return text + own_cost;
}

// "2 of 5 processes live (2.3 on average, at most 4), each 1.2 s to 3.4 h (1.1 h on average)"
std::string ProcessesText(const Overview& overview) {
  const Living& living = overview.living;
  const Usage& usage = overview.usage;
  if (living.created == 0) {
    return {};
  }
  std::string text = fmt::format(
      "processes: {} seen, {} alive now, {:.1f} on average, at most {} at once; they lived {} to "
      "{} "
      "({} on average)\n",
      living.created, living.current, living.average, living.max, FormatAge(living.lifetime_min_ns),
      FormatAge(living.lifetime_max_ns), FormatAge(living.lifetime_mean_ns));
  if (usage.threads_max > 0) {
    text += fmt::format(
        "           CPU {} user + {} system; memory of one {} to {} ({} on average); threads {} to "
        "{} ({:.1f} on average)\n",
        FormatDuration(usage.user_cpu_ns), FormatDuration(usage.system_cpu_ns),
        FormatBytes(usage.rss_min_bytes), FormatBytes(usage.rss_max_bytes),
        FormatBytes(usage.rss_mean_bytes), usage.threads_min, usage.threads_max,
        usage.threads_mean);
  }
  if (usage.crashes > 0) {
    text += fmt::format("           {} ended by a crash\n",
                        Count(usage.crashes, "process", "processes"));
  }
  return text;
}

std::string Pressure(const SystemRow& row) {
  if (!row.cpu_pressure_bp || !row.memory_pressure_bp || !row.io_pressure_bp) {
    return {};
  }
  return fmt::format(", pressure cpu {:.1f}% memory {:.1f}% io {:.1f}%",
                     *row.cpu_pressure_bp / 100.0, *row.memory_pressure_bp / 100.0,
                     *row.io_pressure_bp / 100.0);
}

std::string SystemText(const Overview& overview) {
  std::string text;
  for (const SystemRow& row : overview.systems) {
    const auto host = std::find_if(overview.hosts.begin(), overview.hosts.end(),
                                   [&](const HostRow& each) { return each.host == row.host; });
    if (host != overview.hosts.end() && !host->fqdn.empty()) {
      text += fmt::format("system: {}{}{}, {}\n", EscapeForTerminal(host->fqdn),
                          host->addresses.empty() ? "" : " at ", host->addresses,
                          EscapeForTerminal(host->uname));
    } else {
      text += fmt::format("system: {}\n", EscapeForTerminal(row.host));
    }
    const int64_t swap_used = row.swap_total_bytes - row.swap_free_bytes;
    text += fmt::format(
        "        memory {} of {} used ({}), swap {}, load {:.2f} {:.2f} {:.2f} on {}, up {}{}\n",
        FormatBytes(row.memory_used_bytes()), FormatBytes(row.memory_total_bytes),
        row.memory_total_bytes > 0 ? FormatPercent(row.memory_used_bytes(), row.memory_total_bytes)
                                   : "-",
        row.swap_total_bytes > 0 ? fmt::format("{} of {} ({})", FormatBytes(swap_used),
                                               FormatBytes(row.swap_total_bytes),
                                               FormatPercent(swap_used, row.swap_total_bytes))
                                 : "none",
        row.load1_milli / 1000.0, row.load5_milli / 1000.0, row.load15_milli / 1000.0,
        Count(row.cpus, "CPU"), FormatAge(row.uptime_ns), Pressure(row));
  }
  return text;
}

// What is missing from the figures above: never left out, also where it is nothing.
std::string MissingText(const Totals& totals, const std::vector<SessionRow>& sessions) {
  std::string text;
  for (const std::string& line : DescribeLosses(totals.lost)) {
    text += "lost: " + line + "\n";
  }
  if (text.empty()) {
    text = "nothing was lost\n";
  }
  const auto open = std::ranges::count_if(
      sessions, [](const SessionRow& session) { return !session.end_wall_ns; });
  if (open > 0) {
    text += fmt::format(
        "{} without an end (running, or cut off): of what it could not store yet, "
        "or any more, nothing is known here\n",
        Count(open, "session"));
  }
  if (const std::string line = DescribeNotProfiled(totals.lost); !line.empty()) {
    text += line + "\n";
  }
  text += fmt::format("requests whose time split is not known: {}\n",
                      Share(totals.latency.count - totals.latency.timed, totals.latency.count));
  const StackEndCounts& ends = totals.samples_incomplete;
  text +=
      fmt::format("samples outside of every request: {}; with a stack that is not whole: {}{}\n",
                  Share(totals.samples - totals.samples_attributed, totals.samples),
                  Share(ends.Incomplete(), totals.samples),
                  ends.Incomplete() == 0 ? "" : ": " + DescribeStackEnds(ends));
  if (totals.calls > 0) {
    text += fmt::format("calls to other servers that no request is known for: {}\n",
                        Share(totals.calls - totals.calls_attributed, totals.calls));
  }
  if (totals.request_rows < totals.latency.count) {
    text += fmt::format("requests kept as rows of their own: {}; the rest is counted only\n",
                        Share(totals.request_rows, totals.latency.count));
  }
  return text;
}

Table SiteTable(const Overview& overview) {
  Table table({{"SITE"},
               {"ROUTES", Align::kRight},
               {"REQUESTS", Align::kRight},
               {"FAILED", Align::kRight},
               {"MEAN", Align::kRight},
               {"P50", Align::kRight},
               {"P99", Align::kRight},
               {"AT MOST", Align::kRight},
               {"PROCESSES NOW/AVG/MAX"},
               {"SPAWNED", Align::kRight}});
  for (size_t i = 0; i < overview.sites.size(); ++i) {
    const SiteSummary& each = overview.sites[i];
    const Living& living = overview.site_living[i];
    table.AddRow({each.site.empty() ? "-" : each.site, std::to_string(each.routes),
                  std::to_string(each.latency.count), std::to_string(each.latency.failed),
                  FormatDuration(each.latency.sum_ns / std::max<int64_t>(1, each.latency.count)),
                  FormatDuration(each.latency.p50_ns), FormatDuration(each.latency.p99_ns),
                  FormatDuration(each.latency.max_ns),
                  fmt::format("{}/{:.1f}/{}", living.current, living.average, living.max),
                  std::to_string(living.created)});
  }
  return table;
}

Table ProcessTable(const Overview& overview) {
  Table table({{"PID", Align::kRight},
               {"ALIVE"},
               {"SEEN BY"},
               {"REQUESTS", Align::kRight},
               {"FAILED", Align::kRight},
               {"MEAN", Align::kRight},
               {"CPU", Align::kRight},
               {"RSS MIN/AVG/MAX"},
               {"THREADS"},
               {"STARTED"},
               {"ENDED"},
               {"RUNTIME"},
               {"LISTENS ON"},
               {"COMMAND"}});
  // Newest first.
  for (size_t i = overview.processes.size(); i-- > 0;) {
    const ProcessSummary& each = overview.processes[i];
    const ProcessRow& process = each.process;
    const bool known = each.last.wall_ns != 0;
    table.AddRow({std::to_string(process.pid.value), AliveName(overview.alive[i]), process.mode,
                  std::to_string(each.requests), std::to_string(each.failed),
                  each.requests > 0 ? FormatDuration(each.latency_sum_ns / each.requests) : "-",
                  known ? FormatDuration(each.last.user_cpu_ns + each.last.system_cpu_ns) : "-",
                  known ? fmt::format("{}/{}/{}", FormatBytes(each.min_rss_bytes),
                                      FormatBytes(each.sum_rss_bytes / each.statuses),
                                      FormatBytes(each.max_rss_bytes))
                        : "-",
                  !known ? "-"
                  : each.min_threads == each.max_threads
                      ? std::to_string(each.max_threads)
                      : fmt::format("{}-{}", each.min_threads, each.max_threads),
                  FormatLocalTime(process.start_wall_ns),
                  process.end_wall_ns ? FormatLocalTime(*process.end_wall_ns) : "-",
                  process.runtime.empty() ? "-" : process.runtime,
                  process.listen.empty() ? "-" : process.listen,
                  process.argv.empty() ? process.comm : process.argv});
  }
  return table;
}

Table SessionTable(const std::vector<SessionRow>& sessions) {
  Table table({{"SESSION", Align::kRight},
               {"MODE"},
               {"STARTED"},
               {"RAN", Align::kRight},
               {"REQUESTS", Align::kRight},
               {"OWN CPU", Align::kRight},
               {"OWN RSS", Align::kRight},
               {"COMMAND"}});
  for (const SessionRow& each : sessions) {
    table.AddRow({std::to_string(each.id), each.mode, FormatLocalTime(each.start_wall_ns),
                  each.end_wall_ns ? FormatDuration(*each.end_wall_ns - each.start_wall_ns) : "-",
                  std::to_string(each.requests_seen), FormatDuration(each.own_cpu_ns),
                  FormatBytes(each.own_peak_rss_bytes), each.command});
  }
  return table;
}

}  // namespace

std::string StatusText(const Overview& overview, const std::string& database, bool terminal) {
  std::string text = TotalsText(overview, database) + OwnShareText(overview) +
                     ProcessesText(overview) + SystemText(overview) +
                     MissingText(overview.totals, overview.sessions);
  for (const Table& table :
       {SiteTable(overview), ProcessTable(overview), SessionTable(overview.sessions)}) {
    if (!table.empty()) {
      text += "\n" + table.Render(terminal);
    }
  }
  return text;
}

}  // namespace pinfo::cli

// pinfo status: what is in the database, what pinfo itself cost, and what was lost.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/format.h"
#include "cli/profile_input.h"
#include "cli/request_json.h"
#include "cli/session_text.h"
#include "cli/table.h"
#include "collector/store/loss.h"
#include "collector/store/sqlite_store.h"

namespace pinfo::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Overview {
  Totals totals;
  std::vector<SiteSummary> sites;
  std::vector<ProcessSummary> processes;
  std::vector<SessionRow> sessions;
};

Result<Overview> Load(Reader& reader) {
  Result<Totals> totals = reader.GetTotals();
  if (!totals) {
    return tl::unexpected(totals.error());
  }
  Result<std::vector<SiteSummary>> sites = reader.Sites();
  if (!sites) {
    return tl::unexpected(sites.error());
  }
  Result<std::vector<ProcessSummary>> processes = reader.Processes();
  if (!processes) {
    return tl::unexpected(processes.error());
  }
  Result<std::vector<SessionRow>> sessions = reader.Sessions();
  if (!sessions) {
    return tl::unexpected(sessions.error());
  }
  return Overview{.totals = *totals,
                  .sites = std::move(*sites),
                  .processes = std::move(*processes),
                  .sessions = std::move(*sessions)};
}

// "12 of 34 (35%)"; of nothing there is no share.
std::string Share(int64_t part, int64_t whole) {
  return whole > 0 ? fmt::format("{} of {} ({})", part, whole, FormatPercent(part, whole))
                   : fmt::format("{} of {}", part, whole);
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
  text += fmt::format("latency: p50 {}, p90 {}, p99 {}, at most {}\n",
                      FormatDuration(latency.p50_ns), FormatDuration(latency.p90_ns),
                      FormatDuration(latency.p99_ns), FormatDuration(latency.max_ns));
  return text + own_cost;
}

// What is missing from the figures above: never left out, also where it is nothing.
std::string MissingText(const Totals& totals) {
  std::string text;
  for (const std::string& line : DescribeLosses(totals.lost)) {
    text += "lost: " + line + "\n";
  }
  if (text.empty()) {
    text = "nothing was lost\n";
  }
  if (const std::string line = DescribeNotProfiled(totals.lost); !line.empty()) {
    text += line + "\n";
  }
  text += fmt::format("requests whose time split is not known: {}\n",
                      Share(totals.latency.count - totals.latency.timed, totals.latency.count));
  text += fmt::format("samples outside of every request: {}; with a stack that is not whole: {}\n",
                      Share(totals.samples - totals.samples_attributed, totals.samples),
                      Share(totals.samples_incomplete, totals.samples));
  if (totals.request_rows < totals.latency.count) {
    text += fmt::format("requests kept as rows of their own: {}; the rest is counted only\n",
                        Share(totals.request_rows, totals.latency.count));
  }
  return text;
}

Table SiteTable(const std::vector<SiteSummary>& sites) {
  Table table({{"SITE"},
               {"ROUTES", Align::kRight},
               {"REQUESTS", Align::kRight},
               {"FAILED", Align::kRight},
               {"P50", Align::kRight},
               {"P99", Align::kRight},
               {"AT MOST", Align::kRight}});
  for (const SiteSummary& each : sites) {
    table.AddRow({each.site.empty() ? "-" : each.site, std::to_string(each.routes),
                  std::to_string(each.latency.count), std::to_string(each.latency.failed),
                  FormatDuration(each.latency.p50_ns), FormatDuration(each.latency.p99_ns),
                  FormatDuration(each.latency.max_ns)});
  }
  return table;
}

Table ProcessTable(const std::vector<ProcessSummary>& processes) {
  Table table({{"PID", Align::kRight},
               {"SEEN BY"},
               {"REQUESTS", Align::kRight},
               {"CPU", Align::kRight},
               {"RSS", Align::kRight},
               {"THREADS", Align::kRight},
               {"ENDED"},
               {"COMMAND"}});
  for (const ProcessSummary& each : processes) {
    const bool known = each.last.wall_ns != 0;
    table.AddRow({std::to_string(each.process.pid.value), each.process.mode,
                  std::to_string(each.requests),
                  known ? FormatDuration(each.last.user_cpu_ns + each.last.system_cpu_ns) : "-",
                  known ? FormatBytes(each.last.rss_bytes) : "-",
                  known ? std::to_string(each.last.threads) : "-",
                  each.process.end_wall_ns ? FormatLocalTime(*each.process.end_wall_ns) : "-",
                  each.process.argv.empty() ? each.process.comm : each.process.argv});
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

std::string Text(const Overview& overview, const std::string& database) {
  const bool terminal = StdoutIsTerminal();
  std::string text = TotalsText(overview, database) + MissingText(overview.totals);
  for (const Table& table : {SiteTable(overview.sites), ProcessTable(overview.processes),
                             SessionTable(overview.sessions)}) {
    if (!table.empty()) {
      text += "\n" + table.Render(terminal);
    }
  }
  return text;
}

Json LatencyJson(const LatencySummary& latency) {
  return {{"requests", latency.count},        {"failed", latency.failed},
          {"timed", latency.timed},           {"latency_sum_ns", latency.sum_ns},
          {"latency_min_ns", latency.min_ns}, {"latency_p50_ns", latency.p50_ns},
          {"latency_p90_ns", latency.p90_ns}, {"latency_p99_ns", latency.p99_ns},
          {"latency_max_ns", latency.max_ns}, {"on_cpu_sum_ns", latency.on_cpu_sum_ns},
          {"bytes_in", latency.bytes_in},     {"bytes_out", latency.bytes_out}};
}

Json TimeOrNull(const std::optional<int64_t>& wall_ns) {
  return wall_ns && *wall_ns != 0 ? Json(FormatRfc3339(*wall_ns)) : Json();
}

Json LostJson(const LossCounts& lost) {
  Json json = Json::object();
  for (size_t kind = 0; kind < LossKinds(); ++kind) {
    json[LossKey(kind)] = lost[kind];
  }
  return json;
}

Json TotalsJson(const Overview& overview) {
  const Totals& totals = overview.totals;
  const OwnCost own = OwnCostOf(overview.sessions);
  Json json = {{"type", "totals"}};
  json.update(LatencyJson(totals.latency));
  json.update({{"sites", totals.sites},
               {"processes", totals.processes},
               {"processes_alive", totals.processes_alive},
               {"request_rows", totals.request_rows},
               {"samples", totals.samples},
               {"samples_attributed", totals.samples_attributed},
               {"samples_incomplete", totals.samples_incomplete},
               {"first", TimeOrNull(totals.first_wall_ns)},
               {"last", TimeOrNull(totals.last_wall_ns)},
               {"own_cpu_ns", totals.own_cpu_ns},
               // Of the ended sessions that were no replays: what goes with the watched time.
               {"watched_ns", own.watched_ns},
               {"watched_own_cpu_ns", own.cpu_ns},
               {"watched_requests", own.requests},
               {"database_bytes", totals.database_bytes},
               {"lost", LostJson(totals.lost)}});
  return json;
}

Json ProcessJson(const ProcessSummary& summary) {
  const ProcessRow& process = summary.process;
  Json json = {{"type", "process"},
               {"pid", process.pid.value},
               {"parent", process.parent.value},
               {"mode", process.mode},
               {"exe", process.exe},
               {"comm", process.comm},
               {"cwd", process.cwd},
               {"argv", process.argv},
               {"uid", process.uid},
               {"start", TimeOrNull(process.start_wall_ns)},
               {"end", TimeOrNull(process.end_wall_ns)},
               {"exit_status", process.exit_status ? Json(*process.exit_status) : Json()},
               {"requests", summary.requests}};
  if (summary.last.wall_ns != 0) {
    json.update({{"rss_bytes", summary.last.rss_bytes},
                 {"peak_rss_bytes", summary.last.peak_rss_bytes},
                 {"user_cpu_ns", summary.last.user_cpu_ns},
                 {"system_cpu_ns", summary.last.system_cpu_ns},
                 {"read_bytes", summary.last.read_bytes},
                 {"written_bytes", summary.last.written_bytes},
                 {"threads", summary.last.threads},
                 {"open_fds", summary.last.open_fds}});
  }
  return json;
}

Json SessionJson(const SessionRow& session) {
  return {{"type", "session"},
          {"id", session.id},
          {"mode", session.mode},
          {"command", session.command},
          {"start", TimeOrNull(session.start_wall_ns)},
          {"end", TimeOrNull(session.end_wall_ns)},
          {"requests_seen", session.requests_seen},
          {"rows_thinned", session.rows_thinned},
          {"samples_seen", session.samples_seen},
          {"samples_attributed", session.samples_attributed},
          {"own_cpu_ns", session.own_cpu_ns},
          {"own_peak_rss_bytes", session.own_peak_rss_bytes},
          {"upgraded_connections", session.upgraded},
          {"other_route_requests", session.other_route},
          {"lost", LostJson(session.lost)}};
}

std::string JsonLines(const Overview& overview) {
  std::string text = JsonLine(TotalsJson(overview));
  for (const SiteSummary& each : overview.sites) {
    Json json = {{"type", "site"}, {"site", each.site}, {"routes", each.routes}};
    json.update(LatencyJson(each.latency));
    text += JsonLine(json);
  }
  for (const ProcessSummary& each : overview.processes) {
    text += JsonLine(ProcessJson(each));
  }
  for (const SessionRow& each : overview.sessions) {
    text += JsonLine(SessionJson(each));
  }
  return text;
}

void RunStatus(const GlobalOptions& global) {
  const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(global.database);
  if (!reader) {
    ReportError(reader.error().message);
    return;
  }
  const Result<Overview> overview = Load(**reader);
  if (!overview) {
    ReportError(overview.error().message);
    return;
  }
  PrintAll(global.json ? JsonLines(*overview)
                       : Text(*overview, EscapeForTerminal(global.database)));
}

}  // namespace

void RegisterStatus(CLI::App& app, const GlobalOptions& global) {
  app.add_subcommand("status", "Sites, processes, totals, what pinfo itself cost and what it lost")
      ->callback([&global] { RunStatus(global); });
}

}  // namespace pinfo::cli

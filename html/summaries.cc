#include "html/summaries.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <sys/wait.h>

#include "collector/base/wall_clock.h"
#include "collector/store/loss.h"
#include "collector/store/own_cost.h"
#include "collector/store/process_life.h"
#include "html/data_script.h"
#include "html/machine_history.h"
#include "html/mask.h"
#include "html/request_json.h"
#include "html/route_page.h"
#include "html/time_series.h"

namespace pinfo::html {
namespace {

nlohmann::json LossesJson(const LossCounts& lost) {
  nlohmann::json losses = nlohmann::json::array();
  for (size_t kind = 0; kind < lost.size(); ++kind) {
    if (lost[kind] != 0 && IsLoss(kind)) {
      losses.push_back({{"what", LossName(kind)}, {"count", lost[kind]}});
    }
  }
  return losses;
}

int64_t Lost(const SessionRow& session) {
  int64_t sum = 0;
  for (size_t kind = 0; kind < session.lost.size(); ++kind) {
    sum += IsLoss(kind) ? session.lost[kind] : 0;
  }
  return sum;
}

nlohmann::json OwnCostJson(const OwnCost& cost) {
  return {{"cpu_ns", cost.cpu_ns},
          {"watched_ns", cost.watched_ns},
          {"requests", cost.requests},
          {"other_cpu_ns", cost.other_cpu_ns}};
}

nlohmann::json SessionsJson(const std::vector<SessionRow>& sessions) {
  nlohmann::json rows = nlohmann::json::array();
  for (const SessionRow& session : sessions) {
    rows.push_back({
        {"id", session.id},
        {"mode", session.mode},
        {"command", Shorten(session.command, kListedTextBytes)},
        {"start_us", Microseconds(session.start_wall_ns)},
        {"end_us", session.end_wall_ns ? nlohmann::json(Microseconds(*session.end_wall_ns))
                                       : nlohmann::json(nullptr)},
        {"requests_seen", session.requests_seen},
        {"rows_thinned", session.rows_thinned},
        {"samples_seen", session.samples_seen},
        {"samples_attributed", session.samples_attributed},
        {"own_cpu_ns", session.own_cpu_ns},
        {"own_peak_rss_bytes", session.own_peak_rss_bytes},
        {"lost", Lost(session)},
        {"not_profiled", NotProfiled(session.lost)},
    });
  }
  return rows;
}

nlohmann::json MicrosecondsOrNull(int64_t wall_ns) {
  return wall_ns == 0 ? nlohmann::json(nullptr) : nlohmann::json(Microseconds(wall_ns));
}

std::string ExitText(int32_t status) {
  if (WIFSIGNALED(status)) {
    const char* name = sigabbrev_np(WTERMSIG(status));
    return name == nullptr ? fmt::format("signal {}", WTERMSIG(status))
                           : fmt::format("SIG{}", name);
  }
  return fmt::format("exit {}", WEXITSTATUS(status));
}

const char* AliveText(const ProcessRow& process, const ReportOptions& options) {
  const std::optional<bool> lives = LivesNow(process, options);
  return !lives ? "unknown" : *lives ? "yes" : "no";
}

nlohmann::json LivingJson(std::vector<Life> lives, const ReportOptions& options) {
  const int64_t now = options.written_wall_ns != 0 ? options.written_wall_ns : WallClockNs();
  const Living living = CountLiving(std::move(lives), now);
  return {{"created", living.created},
          {"current", living.current},
          {"average", living.average},
          {"max", living.max},
          {"lifetime_min_ns", living.lifetime_min_ns},
          {"lifetime_mean_ns", living.lifetime_mean_ns},
          {"lifetime_max_ns", living.lifetime_max_ns}};
}

using LifeOfProcess = std::unordered_map<int64_t, Life>;

Result<LifeOfProcess> LoadLives(Reader& reader, const ReportOptions& options) {
  const Result<std::vector<ProcessSummary>> processes = reader.Processes();
  if (!processes) {
    return tl::unexpected(processes.error());
  }
  LifeOfProcess lives;
  for (const ProcessSummary& each : *processes) {
    lives.emplace(each.process.id.value,
                  LifeOf(each, LivesNow(each.process, options).value_or(false)));
  }
  return lives;
}

nlohmann::json ProcessJson(const ProcessSummary& summary, const ReportOptions& options) {
  const ProcessRow& process = summary.process;
  const bool figures = summary.last.wall_ns != 0;
  const auto figure = [figures](int64_t value) {
    return figures ? nlohmann::json(value) : nlohmann::json(nullptr);
  };
  return {
      {"pid", process.pid.value},
      {"parent", process.parent.value},
      {"comm", process.comm},
      {"exe", process.exe},
      {"argv", Shorten(process.argv, kListedTextBytes)},
      {"cwd", process.cwd},
      {"host", process.host},
      {"mode", process.mode},
      {"uid", process.uid},
      {"start_us", Microseconds(process.start_wall_ns)},
      {"end_us", process.end_wall_ns ? nlohmann::json(Microseconds(*process.end_wall_ns))
                                     : nlohmann::json(nullptr)},
      {"exit", process.exit_status ? nlohmann::json(ExitText(*process.exit_status))
                                   : nlohmann::json(nullptr)},
      {"alive", AliveText(process, options)},
      {"runtime", process.runtime},
      {"listen", process.listen},
      {"requests", summary.requests},
      {"failed", summary.failed},
      {"latency_sum_ns", summary.latency_sum_ns},
      {"user_cpu_ns", figure(summary.last.user_cpu_ns)},
      {"system_cpu_ns", figure(summary.last.system_cpu_ns)},
      {"rss_bytes", figure(summary.last.rss_bytes)},
      {"max_rss_bytes", figure(summary.max_rss_bytes)},
      {"min_threads", figure(summary.min_threads)},
      {"max_threads", figure(summary.max_threads)},
  };
}

nlohmann::json TotalsJson(const Totals& totals) {
  return {
      {"processes", totals.processes},
      {"processes_alive", totals.processes_alive},
      {"request_rows", totals.request_rows},
      {"samples", totals.samples},
      {"samples_attributed", totals.samples_attributed},
      {"samples_incomplete", totals.samples_incomplete.Incomplete()},
      {"stack_ends", DescribeStackEnds(totals.samples_incomplete)},
      {"first_us", MicrosecondsOrNull(totals.first_wall_ns)},
      {"last_us", MicrosecondsOrNull(totals.last_wall_ns)},
      {"own_cpu_ns", totals.own_cpu_ns},
      {"database_bytes", totals.database_bytes},
      {"losses", LossesJson(totals.lost)},
      {"not_profiled", NotProfiled(totals.lost)},
  };
}

// What the filter changes.
Status AddFiltered(Reader& reader, const SummaryFilter& filter, nlohmann::json* overview) {
  const Result<LatencySummary> latency = reader.Summary(filter);
  if (!latency) {
    return tl::unexpected(latency.error());
  }
  const Result<std::vector<SiteSummary>> sites = reader.Sites(filter);
  if (!sites) {
    return tl::unexpected(sites.error());
  }
  const Result<TimeSeries> series = LoadTimeSeries(reader, filter);
  if (!series) {
    return tl::unexpected(series.error());
  }
  Result<nlohmann::json> machine = MachineHistoryJson(reader, filter);
  if (!machine) {
    return tl::unexpected(machine.error());
  }
  (*overview)["latency"] = LatencyJson(*latency);
  (*overview)["sites"] = sites->size();
  (*overview)["series"] = SeriesJson(*series);
  (*overview)["machine"] = std::move(*machine);
  return {};
}

}  // namespace

std::optional<bool> LivesNow(const ProcessRow& process, const ReportOptions& options) {
  if (process.end_wall_ns) {
    return false;
  }
  return options.lives ? options.lives(process) : std::nullopt;
}

SummaryFilter SummaryFilterOf(const ReportOptions& options) {
  return {.site = options.site,
          .route = options.route,
          .since_wall_ns = options.since_wall_ns,
          .until_wall_ns = options.until_wall_ns};
}

nlohmann::json LatencyJson(const LatencySummary& latency) {
  return {
      {"count", latency.count},       {"failed", latency.failed},
      {"sum_ns", latency.sum_ns},     {"min_ns", latency.min_ns},
      {"max_ns", latency.max_ns},     {"p50_ns", latency.p50_ns},
      {"p90_ns", latency.p90_ns},     {"p99_ns", latency.p99_ns},
      {"timed", latency.timed},       {"on_cpu_sum_ns", latency.on_cpu_sum_ns},
      {"bytes_in", latency.bytes_in}, {"bytes_out", latency.bytes_out},
  };
}

Result<nlohmann::json> OverviewData(Reader& reader, const ReportOptions& options) {
  const Result<Totals> totals = reader.GetTotals();
  if (!totals) {
    return tl::unexpected(totals.error());
  }
  const Result<std::vector<SessionRow>> sessions = reader.Sessions();
  if (!sessions) {
    return tl::unexpected(sessions.error());
  }
  int64_t thinned = 0;
  for (const SessionRow& session : *sessions) {
    thinned += session.rows_thinned;
  }
  nlohmann::json overview = TotalsJson(*totals);
  if (Status status = AddFiltered(reader, SummaryFilterOf(options), &overview); !status) {
    return tl::unexpected(status.error());
  }
  const Result<LifeOfProcess> lives = LoadLives(reader, options);
  if (!lives) {
    return tl::unexpected(lives.error());
  }
  std::vector<Life> all;
  for (const auto& [process, life] : *lives) {
    all.push_back(life);
  }
  overview["living"] = LivingJson(std::move(all), options);
  overview["rows_thinned"] = thinned;
  overview["own_cost"] = OwnCostJson(OwnCostOf(*sessions));
  overview["sessions"] = SessionsJson(*sessions);
  return overview;
}

Result<nlohmann::json> SitesData(Reader& reader, const ReportOptions& options) {
  const Result<std::vector<SiteSummary>> sites = reader.Sites(SummaryFilterOf(options));
  if (!sites) {
    return tl::unexpected(sites.error());
  }
  const Result<LifeOfProcess> lives = LoadLives(reader, options);
  if (!lives) {
    return tl::unexpected(lives.error());
  }
  nlohmann::json rows = nlohmann::json::array();
  for (const SiteSummary& site : *sites) {
    std::vector<Life> of_site;
    for (const ProcessSiteRow& each : site.processes) {
      if (const auto life = lives->find(each.process.value); life != lives->end()) {
        of_site.push_back(life->second);
      }
    }
    rows.push_back({{"site", Shorten(site.site, kListedTextBytes)},
                    {"routes", site.routes},
                    {"living", LivingJson(std::move(of_site), options)},
                    {"latency", LatencyJson(site.latency)}});
  }
  return rows;
}

Result<std::vector<RouteSummary>> CostliestRoutes(Reader& reader, const ReportOptions& options) {
  Result<std::vector<RouteSummary>> routes = reader.Routes(SummaryFilterOf(options));
  if (routes) {
    std::ranges::stable_sort(*routes, std::greater{},
                             [](const RouteSummary& route) { return route.latency.sum_ns; });
  }
  return routes;
}

nlohmann::json RoutesData(const std::vector<RouteSummary>& routes, int64_t pages) {
  nlohmann::json rows = nlohmann::json::array();
  for (const RouteSummary& route : routes) {
    const auto place = static_cast<int64_t>(rows.size());
    rows.push_back(
        {{"site", Shorten(route.site, kListedTextBytes)},
         {"route", Shorten(route.route, kListedTextBytes)},
         {"latency", LatencyJson(route.latency)},
         {"page", place < pages ? nlohmann::json(RouteKey(route)) : nlohmann::json(nullptr)}});
  }
  return rows;
}

Result<nlohmann::json> ProcessesData(Reader& reader, const ReportOptions& options) {
  const Result<std::vector<ProcessSummary>> processes = reader.Processes();
  if (!processes) {
    return tl::unexpected(processes.error());
  }
  nlohmann::json rows = nlohmann::json::array();
  for (const ProcessSummary& process : *processes) {
    rows.push_back(ProcessJson(process, options));
  }
  return rows;
}

}  // namespace pinfo::html

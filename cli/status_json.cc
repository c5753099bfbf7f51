#include <optional>

#include <nlohmann/json.hpp>

#include "cli/format.h"
#include "cli/request_json.h"
#include "cli/status_text.h"
#include "collector/store/loss.h"
#include "collector/store/own_cost.h"

namespace pinfo::cli {
namespace {

using Json = nlohmann::ordered_json;

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

Json LivingJson(const Living& living) {
  return {
      {"processes_created", living.created},       {"processes_current", living.current},
      {"processes_average", living.average},       {"processes_max", living.max},
      {"lifetime_min_ns", living.lifetime_min_ns}, {"lifetime_mean_ns", living.lifetime_mean_ns},
      {"lifetime_max_ns", living.lifetime_max_ns}};
}

template <typename T>
Json NumberOrNull(const std::optional<T>& number) {
  return number ? Json(*number) : Json();
}

Json SystemJson(const SystemRow& row, const std::vector<HostRow>& hosts) {
  Json json = {{"type", "system"}, {"host", row.host}};
  for (const HostRow& host : hosts) {
    if (host.host == row.host) {
      json.update({{"uname", host.uname}, {"fqdn", host.fqdn}, {"addresses", host.addresses}});
    }
  }
  json.update({{"time", TimeOrNull(row.wall_ns)},
               {"memory_total_bytes", row.memory_total_bytes},
               {"memory_used_bytes", row.memory_used_bytes()},
               {"memory_available_bytes", row.memory_available_bytes},
               {"swap_total_bytes", row.swap_total_bytes},
               {"swap_used_bytes", row.swap_total_bytes - row.swap_free_bytes},
               {"uptime_ns", row.uptime_ns},
               {"cpus", row.cpus},
               {"cpu_busy_ns", row.cpu_busy_ns},
               {"cpu_idle_ns", row.cpu_idle_ns},
               {"load1", row.load1_milli / 1000.0},
               {"load5", row.load5_milli / 1000.0},
               {"load15", row.load15_milli / 1000.0},
               {"cpu_pressure_bp", NumberOrNull(row.cpu_pressure_bp)},
               {"memory_pressure_bp", NumberOrNull(row.memory_pressure_bp)},
               {"io_pressure_bp", NumberOrNull(row.io_pressure_bp)}});
  return json;
}

Json TotalsJson(const Overview& overview) {
  const Totals& totals = overview.totals;
  const OwnCost own = OwnCostOf(overview.sessions);
  Json json = {{"type", "totals"}};
  json.update(LatencyJson(totals.latency));
  const Living& living = overview.living;
  const Usage& usage = overview.usage;
  json.update(LivingJson(living));
  json.update({{"threads_min", usage.threads_min},
               {"threads_mean", usage.threads_mean},
               {"threads_max", usage.threads_max},
               {"rss_min_bytes", usage.rss_min_bytes},
               {"rss_mean_bytes", usage.rss_mean_bytes},
               {"rss_max_bytes", usage.rss_max_bytes},
               {"user_cpu_ns", usage.user_cpu_ns},
               {"system_cpu_ns", usage.system_cpu_ns},
               {"crashes", usage.crashes},
               {"load_percent",
                NumberOrNull(LoadPercent(totals.latency.on_cpu_sum_ns, totals.latency.sum_ns))}});
  json.update({{"sites", totals.sites},
               {"processes", totals.processes},
               {"processes_alive", living.current},
               {"request_rows", totals.request_rows},
               {"samples", totals.samples},
               {"samples_attributed", totals.samples_attributed},
               {"calls", totals.calls},
               {"calls_attributed", totals.calls_attributed},
               {"samples_incomplete", totals.samples_incomplete.Incomplete()},
               {"samples_truncated", totals.samples_incomplete.truncated},
               {"samples_broken", totals.samples_incomplete.broken},
               {"samples_too_deep", totals.samples_incomplete.too_deep},
               {"samples_without_stack", totals.samples_incomplete.missing},
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

Json ProcessJson(const ProcessSummary& summary, Alive alive) {
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
               {"exit_signal", ExitSignal(process) != 0 ? Json(ExitSignal(process)) : Json()},
               {"alive", AliveName(alive)},
               {"seen", TimeOrNull(process.seen_wall_ns)},
               {"host", process.host},
               {"boot_id", process.boot_id},
               {"start_ticks", process.start_ticks},
               {"runtime", process.runtime},
               {"listen", process.listen},
               {"requests", summary.requests},
               {"failed", summary.failed},
               {"latency_sum_ns", summary.latency_sum_ns},
               {"timed", summary.timed},
               {"on_cpu_sum_ns", summary.on_cpu_sum_ns}};
  if (summary.last.wall_ns != 0) {
    json.update({{"rss_bytes", summary.last.rss_bytes},
                 {"peak_rss_bytes", summary.last.peak_rss_bytes},
                 {"user_cpu_ns", summary.last.user_cpu_ns},
                 {"system_cpu_ns", summary.last.system_cpu_ns},
                 {"read_bytes", summary.last.read_bytes},
                 {"written_bytes", summary.last.written_bytes},
                 {"threads", summary.last.threads},
                 {"open_fds", summary.last.open_fds},
                 {"pss_bytes", summary.pss_bytes ? Json(*summary.pss_bytes) : Json()},
                 {"rss_min_bytes", summary.min_rss_bytes},
                 {"rss_mean_bytes", summary.sum_rss_bytes / summary.statuses},
                 {"rss_max_bytes", summary.max_rss_bytes},
                 {"threads_min", summary.min_threads},
                 {"threads_mean",
                  static_cast<double>(summary.sum_threads) / static_cast<double>(summary.statuses)},
                 {"threads_max", summary.max_threads}});
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
          {"calls_seen", session.calls_seen},
          {"calls_attributed", session.calls_attributed},
          {"own_cpu_ns", session.own_cpu_ns},
          {"own_peak_rss_bytes", session.own_peak_rss_bytes},
          {"upgraded_connections", session.upgraded},
          {"other_route_requests", session.other_route},
          {"lost", LostJson(session.lost)}};
}

}  // namespace

std::string StatusJsonLines(const Overview& overview) {
  std::string text = JsonLine(TotalsJson(overview));
  for (const SystemRow& row : overview.systems) {
    text += JsonLine(SystemJson(row, overview.hosts));
  }
  for (size_t i = 0; i < overview.sites.size(); ++i) {
    const SiteSummary& each = overview.sites[i];
    Json json = {{"type", "site"}, {"site", each.site}, {"routes", each.routes}};
    json.update(LatencyJson(each.latency));
    json.update(LivingJson(overview.site_living[i]));
    text += JsonLine(json);
  }
  for (size_t i = 0; i < overview.processes.size(); ++i) {
    text += JsonLine(ProcessJson(overview.processes[i], overview.alive[i]));
  }
  for (const SessionRow& each : overview.sessions) {
    text += JsonLine(SessionJson(each));
  }
  return text;
}

}  // namespace pinfo::cli

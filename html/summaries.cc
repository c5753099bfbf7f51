#include "html/summaries.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/wait.h>

#include "collector/store/loss.h"
#include "collector/store/own_cost.h"
#include "html/data_script.h"
#include "html/mask.h"
#include "html/request_json.h"

namespace pinfo::html {
namespace {

constexpr int64_t kNsPerMinute = 60'000'000'000;
constexpr int64_t kUsPerMinute = 60'000'000;

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

bool MatchesRoute(const std::string& pattern, const std::string& route) {
  return pattern.find_first_of("*?") == std::string::npos
             ? pattern == route
             : fnmatch(pattern.c_str(), route.c_str(), 0) == 0;
}

nlohmann::json ProcessJson(const ProcessSummary& summary) {
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
      {"requests", summary.requests},
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
      {"latency", LatencyJson(totals.latency)},
      {"sites", totals.sites},
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

}  // namespace

nlohmann::json BinMinutes(const std::vector<std::pair<int64_t, LatencySummary>>& minutes,
                          int64_t* bin_minutes) {
  nlohmann::json json = nlohmann::json::array();
  *bin_minutes = 1;
  if (minutes.empty()) {
    return json;
  }
  struct Bin {
    LatencySummary sum;
    int64_t worst_p99_ns = 0;
  };
  const int64_t first = minutes.front().first;
  const int64_t span = minutes.back().first - first + 1;
  *bin_minutes = (span + kChartBins - 1) / kChartBins;
  std::vector<Bin> bins(static_cast<size_t>((span + *bin_minutes - 1) / *bin_minutes));
  for (const auto& [minute, latency] : minutes) {
    Bin& bin = bins[static_cast<size_t>((minute - first) / *bin_minutes)];
    bin.sum.count += latency.count;
    bin.sum.failed += latency.failed;
    bin.sum.sum_ns += latency.sum_ns;
    bin.worst_p99_ns = std::max(bin.worst_p99_ns, latency.p99_ns);
  }
  int64_t minute = first;
  for (const Bin& bin : bins) {
    const bool some = bin.sum.count > 0;
    json.push_back({
        {"start_us", minute * kUsPerMinute},
        {"count", bin.sum.count},
        {"failed", bin.sum.failed},
        {"mean_ns", some ? nlohmann::json(bin.sum.sum_ns / bin.sum.count) : nullptr},
        {"p99_ns", some ? nlohmann::json(bin.worst_p99_ns) : nullptr},
    });
    minute += *bin_minutes;
  }
  return json;
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
  const auto minutes = reader.Minutes(options.since_wall_ns.value_or(0) / kNsPerMinute);
  if (!minutes) {
    return tl::unexpected(minutes.error());
  }
  int64_t bin_minutes = 1;
  int64_t thinned = 0;
  for (const SessionRow& session : *sessions) {
    thinned += session.rows_thinned;
  }
  nlohmann::json overview = TotalsJson(*totals);
  overview["bins"] = BinMinutes(*minutes, &bin_minutes);
  overview["bin_minutes"] = bin_minutes;
  overview["rows_thinned"] = thinned;
  overview["own_cost"] = OwnCostJson(OwnCostOf(*sessions));
  overview["sessions"] = SessionsJson(*sessions);
  return overview;
}

Result<nlohmann::json> RoutesData(Reader& reader, const ReportOptions& options) {
  const Result<std::vector<RouteSummary>> routes = reader.Routes();
  if (!routes) {
    return tl::unexpected(routes.error());
  }
  nlohmann::json rows = nlohmann::json::array();
  for (const RouteSummary& route : *routes) {
    if ((options.site && *options.site != route.site) ||
        (options.route && !MatchesRoute(*options.route, route.route))) {
      continue;
    }
    rows.push_back({{"site", Shorten(route.site, kListedTextBytes)},
                    {"route", Shorten(route.route, kListedTextBytes)},
                    {"latency", LatencyJson(route.latency)}});
  }
  return rows;
}

Result<nlohmann::json> ProcessesData(Reader& reader) {
  const Result<std::vector<ProcessSummary>> processes = reader.Processes();
  if (!processes) {
    return tl::unexpected(processes.error());
  }
  nlohmann::json rows = nlohmann::json::array();
  for (const ProcessSummary& process : *processes) {
    rows.push_back(ProcessJson(process));
  }
  return rows;
}

}  // namespace pinfo::html

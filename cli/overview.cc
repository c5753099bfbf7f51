#include "cli/overview.h"

#include <algorithm>
#include <csignal>
#include <limits>

#include <sys/wait.h>

#include "collector/process/proc_reader.h"
#include "collector/store/process_life.h"

namespace pinfo::cli {
namespace {

bool IsCrash(int signal) {
  switch (signal) {
    case SIGSEGV:
    case SIGABRT:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGSYS:
    case SIGTRAP:
      return true;
    default:
      return false;
  }
}

Usage UsageOf(const std::vector<ProcessSummary>& processes) {
  Usage usage;
  int64_t statuses = 0;
  int64_t threads = 0;
  double rss = 0;
  for (const ProcessSummary& each : processes) {
    usage.crashes += IsCrash(ExitSignal(each.process)) ? 1 : 0;
    if (each.statuses == 0) {
      continue;
    }
    usage.user_cpu_ns += each.last.user_cpu_ns;
    usage.system_cpu_ns += each.last.system_cpu_ns;
    usage.threads_min =
        statuses == 0 ? each.min_threads : std::min(usage.threads_min, each.min_threads);
    usage.threads_max = std::max(usage.threads_max, each.max_threads);
    usage.rss_min_bytes =
        statuses == 0 ? each.min_rss_bytes : std::min(usage.rss_min_bytes, each.min_rss_bytes);
    usage.rss_max_bytes = std::max(usage.rss_max_bytes, each.max_rss_bytes);
    statuses += each.statuses;
    threads += each.sum_threads;
    rss += static_cast<double>(each.sum_rss_bytes);
  }
  if (statuses > 0) {
    usage.threads_mean = static_cast<double>(threads) / static_cast<double>(statuses);
    usage.rss_mean_bytes = static_cast<int64_t>(rss / static_cast<double>(statuses));
  }
  return usage;
}

// Assigns each answer to its member until one fails.
template <typename T>
Status Take(Result<T> from, T& to) {
  if (!from) {
    return tl::unexpected(from.error());
  }
  to = std::move(*from);
  return {};
}

}  // namespace

const char* AliveName(Alive alive) {
  switch (alive) {
    case Alive::kNo:
      return "no";
    case Alive::kYes:
      return "yes";
    case Alive::kUnknown:
      return "unknown";
  }
  return "unknown";
}

Alive AliveOf(const ProcessRow& process, const Origin& here) {
  if (process.end_wall_ns) {
    return Alive::kNo;
  }
  if (process.host != here.host) {
    return Alive::kUnknown;
  }
  return process.boot_id == here.boot_id && ReadStartTicks(process.pid) == process.start_ticks
             ? Alive::kYes
             : Alive::kNo;
}

std::function<std::optional<bool>(const ProcessRow&)> LivesHere() {
  return [here = LiveOrigin()](const ProcessRow& process) -> std::optional<bool> {
    const Alive alive = AliveOf(process, here);
    return alive == Alive::kUnknown ? std::nullopt : std::optional(alive == Alive::kYes);
  };
}

html::MonitoringSource MonitoringOf(const std::string& database) {
  return {.monitors = [database] { return OpenMonitorReader(database); },
          .metrics = [database] { return OpenMetricReader(database); }};
}

int ExitSignal(const ProcessRow& process) {
  return process.exit_status && WIFSIGNALED(*process.exit_status) ? WTERMSIG(*process.exit_status)
                                                                  : 0;
}

std::optional<double> LoadPercent(int64_t cpu_ns, int64_t response_ns) {
  if (response_ns <= 0) {
    return std::nullopt;
  }
  return static_cast<double>(cpu_ns) / static_cast<double>(response_ns) * 100;
}

Result<Overview> LoadOverview(Reader& reader, int64_t now_wall_ns) {
  Overview overview;
  for (Status status :
       {Take(reader.GetTotals(), overview.totals), Take(reader.Sites(), overview.sites),
        Take(reader.Processes(), overview.processes), Take(reader.Sessions(), overview.sessions),
        Take(reader.Hosts(), overview.hosts), Take(reader.LatestSystems(), overview.systems)}) {
    if (!status) {
      return tl::unexpected(status.error());
    }
  }
  const Origin here = LiveOrigin();
  std::vector<Life> lives;
  std::unordered_map<int64_t, Life> life_of;
  for (const ProcessSummary& each : overview.processes) {
    overview.alive.push_back(AliveOf(each.process, here));
    lives.push_back(LifeOf(each, overview.alive.back() == Alive::kYes));
    life_of.emplace(each.process.id.value, lives.back());
  }
  overview.living = CountLiving(std::move(lives), now_wall_ns);
  for (const SiteSummary& site : overview.sites) {
    std::vector<Life> of_site;
    for (const ProcessSiteRow& row : site.processes) {
      if (const auto it = life_of.find(row.process.value); it != life_of.end()) {
        of_site.push_back(it->second);
      }
    }
    overview.site_living.push_back(CountLiving(std::move(of_site), now_wall_ns));
  }
  overview.usage = UsageOf(overview.processes);
  return overview;
}

}  // namespace pinfo::cli

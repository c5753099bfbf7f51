// Everything that `pinfo status` tells, in one value: what the store holds, and what follows from
// it. Loading also looks at /proc, for which of the processes live.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "collector/base/result.h"
#include "collector/source/source.h"
#include "collector/store/reader.h"
#include "collector/views/living.h"
#include "html/monitoring.h"

namespace pinfo::cli {

// Whether a process lives. Unknown: it ran on another machine.
enum class Alive : uint8_t { kNo, kYes, kUnknown };
const char* AliveName(Alive alive);  // "no", "yes", "unknown"
// here: LiveOrigin().
Alive AliveOf(const ProcessRow& process, const Origin& here);

// CPU time of the processes and threads seen, over all of them.
struct Usage {
  int64_t user_cpu_ns = 0;
  int64_t system_cpu_ns = 0;
  int32_t threads_min = 0;
  double threads_mean = 0;
  int32_t threads_max = 0;
  int64_t rss_min_bytes = 0;
  int64_t rss_mean_bytes = 0;
  int64_t rss_max_bytes = 0;
  int64_t crashes = 0;  // processes ended by a signal that says so: SIGSEGV, SIGABRT ...
};

struct Overview {
  Totals totals;
  std::vector<SiteSummary> sites;
  std::vector<ProcessSummary> processes;
  std::vector<Alive> alive;  // of processes, one for one
  std::vector<SessionRow> sessions;
  std::vector<HostRow> hosts;
  std::vector<SystemRow> systems;   // the newest of each host
  Living living;                    // all processes
  std::vector<Living> site_living;  // of sites, one for one
  Usage usage;
};

Result<Overview> LoadOverview(Reader& reader, int64_t now_wall_ns);

// For reports: whether a process lives, by /proc of this machine; nullopt: it ran on another one.
std::function<std::optional<bool>(const ProcessRow&)> LivesHere();
html::MonitoringSource MonitoringOf(const std::string& database);

// As wait(2) gives it: the signal that ended the process; 0: none.
int ExitSignal(const ProcessRow& process);

// CPU time of the served requests' threads for their response time, in percent: how much of the
// waiting of clients was computing. nullopt where nothing is timed.
std::optional<double> LoadPercent(int64_t cpu_ns, int64_t response_ns);

}  // namespace pinfo::cli

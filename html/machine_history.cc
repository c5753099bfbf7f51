#include "html/machine_history.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "html/data_script.h"

namespace pinfo::html {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kPoints = 240;
// Figures come about once a second; bins of two always have one.
constexpr int64_t kLeastBinNs = 2 * kNsPerSecond;

// Of everything there are figures of: one bin over all of it tells nothing but where it begins, so
// the sessions do.
Result<HistoryRange> RangeOf(Reader& reader, const SummaryFilter& filter) {
  const Result<std::vector<SessionRow>> sessions = reader.Sessions();
  if (!sessions) {
    return tl::unexpected(sessions.error());
  }
  const auto latest = reader.LatestSystems();
  if (!latest) {
    return tl::unexpected(latest.error());
  }
  int64_t first = std::numeric_limits<int64_t>::max();
  int64_t last = 0;
  for (const SessionRow& session : *sessions) {
    first = std::min(first, session.start_wall_ns);
    last = std::max(last, session.end_wall_ns.value_or(session.start_wall_ns));
  }
  for (const SystemRow& system : *latest) {
    first = std::min(first, system.wall_ns);
    last = std::max(last, system.wall_ns);
  }
  // Sessions hold no memory of clocks that were set: what was asked for goes first.
  first = filter.since_wall_ns.value_or(first);
  last = std::min(filter.until_wall_ns.value_or(last + 1), last + 1);
  if (last <= first) {
    return HistoryRange{.since_wall_ns = 0, .until_wall_ns = 0, .bin_ns = kLeastBinNs};
  }
  const int64_t bin = ((last - first) / kPoints / kNsPerSecond + 1) * kNsPerSecond;
  return HistoryRange{
      .since_wall_ns = first, .until_wall_ns = last, .bin_ns = std::max(bin, kLeastBinNs)};
}

nlohmann::json ProcessesJson(const std::vector<ProcessesPoint>& points) {
  nlohmann::json rows = nlohmann::json::array();
  for (const ProcessesPoint& point : points) {
    rows.push_back({Microseconds(point.wall_ns), point.processes, point.rss_bytes, point.cpu_ns,
                    point.threads});
  }
  return rows;
}

// Of what a machine's CPUs could do between two points; nullopt at the first and after a reboot.
std::optional<double> BusyShare(const SystemRow* before, const SystemRow& now) {
  if (before == nullptr) {
    return std::nullopt;
  }
  const int64_t busy = now.cpu_busy_ns - before->cpu_busy_ns;
  const int64_t idle = now.cpu_idle_ns - before->cpu_idle_ns;
  if (busy < 0 || idle < 0 || busy + idle == 0) {
    return std::nullopt;
  }
  return static_cast<double>(busy) / static_cast<double>(busy + idle);
}

nlohmann::json SystemJson(const SystemRow& row, const SystemRow* before) {
  return {Microseconds(row.wall_ns),      row.load1_milli,
          OrNull(BusyShare(before, row)), row.memory_total_bytes - row.memory_available_bytes,
          OrNull(row.cpu_pressure_bp),    OrNull(row.memory_pressure_bp),
          OrNull(row.io_pressure_bp)};
}

nlohmann::json SystemsJson(const std::vector<SystemRow>& history,
                           const std::vector<SystemRow>& latest) {
  nlohmann::json systems = nlohmann::json::array();
  for (const SystemRow& machine : latest) {
    nlohmann::json points = nlohmann::json::array();
    const SystemRow* before = nullptr;
    for (const SystemRow& row : history) {
      if (row.host == machine.host) {
        points.push_back(SystemJson(row, before));
        before = &row;
      }
    }
    systems.push_back({{"host", machine.host},
                       {"cpus", machine.cpus},
                       {"memory_total_bytes", machine.memory_total_bytes},
                       {"memory_available_bytes", machine.memory_available_bytes},
                       {"swap_total_bytes", machine.swap_total_bytes},
                       {"swap_free_bytes", machine.swap_free_bytes},
                       {"uptime_ns", machine.uptime_ns},
                       {"load1_milli", machine.load1_milli},
                       {"load5_milli", machine.load5_milli},
                       {"load15_milli", machine.load15_milli},
                       {"points", std::move(points)}});
  }
  return systems;
}

}  // namespace

Result<nlohmann::json> MachineHistoryJson(Reader& reader, const SummaryFilter& filter) {
  const Result<HistoryRange> range = RangeOf(reader, filter);
  if (!range) {
    return tl::unexpected(range.error());
  }
  const auto processes = reader.ProcessHistory(*range);
  if (!processes) {
    return tl::unexpected(processes.error());
  }
  const auto history = reader.SystemHistory(*range);
  if (!history) {
    return tl::unexpected(history.error());
  }
  const auto latest = reader.LatestSystems();
  if (!latest) {
    return tl::unexpected(latest.error());
  }
  return nlohmann::json{{"bin_us", Microseconds(range->bin_ns)},
                        {"processes", ProcessesJson(*processes)},
                        {"systems", SystemsJson(*history, *latest)}};
}

}  // namespace pinfo::html

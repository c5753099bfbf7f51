#include "collector/pipeline/proc_rows.h"

#include <utility>

namespace pinfo {

StatusRow StatusRowOf(const pinfo_status& record, int64_t wall_ns) {
  StatusRow row;
  row.wall_ns = wall_ns;
  row.rss_bytes = static_cast<int64_t>(record.rss_bytes);
  row.peak_rss_bytes = static_cast<int64_t>(record.peak_rss_bytes);
  row.virtual_bytes = static_cast<int64_t>(record.virtual_bytes);
  row.user_cpu_ns = static_cast<int64_t>(record.user_cpu_ns);
  row.system_cpu_ns = static_cast<int64_t>(record.system_cpu_ns);
  row.read_bytes = static_cast<int64_t>(record.read_bytes);
  row.written_bytes = static_cast<int64_t>(record.written_bytes);
  row.threads = static_cast<int32_t>(record.threads);
  row.open_fds = static_cast<int32_t>(record.open_fds);
  if (record.pss_bytes != 0) {
    row.pss_bytes = static_cast<int64_t>(record.pss_bytes);
  }
  return row;
}

SystemRow SystemRowOf(const pinfo_system& record, std::string host, int64_t wall_ns) {
  SystemRow row;
  row.host = std::move(host);
  row.wall_ns = wall_ns;
  row.memory_total_bytes = static_cast<int64_t>(record.memory_total_bytes);
  row.memory_free_bytes = static_cast<int64_t>(record.memory_free_bytes);
  row.memory_available_bytes = static_cast<int64_t>(record.memory_available_bytes);
  row.memory_buffers_bytes = static_cast<int64_t>(record.memory_buffers_bytes);
  row.memory_cached_bytes = static_cast<int64_t>(record.memory_cached_bytes);
  row.swap_total_bytes = static_cast<int64_t>(record.swap_total_bytes);
  row.swap_free_bytes = static_cast<int64_t>(record.swap_free_bytes);
  row.uptime_ns = static_cast<int64_t>(record.uptime_ns);
  row.cpu_busy_ns = static_cast<int64_t>(record.cpu_busy_ns);
  row.cpu_idle_ns = static_cast<int64_t>(record.cpu_idle_ns);
  row.cpus = static_cast<int32_t>(record.cpus);
  row.load1_milli = static_cast<int32_t>(record.load1_milli);
  row.load5_milli = static_cast<int32_t>(record.load5_milli);
  row.load15_milli = static_cast<int32_t>(record.load15_milli);
  if (record.has_pressure != 0) {
    row.cpu_pressure_bp = static_cast<int32_t>(record.cpu_pressure_bp);
    row.memory_pressure_bp = static_cast<int32_t>(record.memory_pressure_bp);
    row.io_pressure_bp = static_cast<int32_t>(record.io_pressure_bp);
  }
  return row;
}

}  // namespace pinfo

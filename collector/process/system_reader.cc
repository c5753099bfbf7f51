#include "collector/process/system_reader.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "collector/base/read_all.h"

namespace pinfo {
namespace {

constexpr uint64_t kKilobyte = 1024;  // what /proc calls kB

// "some avg10=1.53 avg60=..." as hundredths of a percent.
uint32_t SomeAverage10(const std::string& text) {
  double percent = 0;
  return sscanf(text.c_str(), "some avg10=%lf", &percent) == 1 && percent >= 0 && percent <= 100
             ? static_cast<uint32_t>(std::lround(percent * 100))
             : 0;
}

// The line "cpu  user nice system idle iowait irq softirq steal guest guest_nice", in ticks. What
// guests used is in user and nice already.
void AddCpuTime(const std::string& stat, pinfo_system& system) {
  std::array<uint64_t, 8> ticks{};
  std::istringstream in(stat);
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("cpu ")) {
      std::istringstream fields(line.substr(4));
      for (uint64_t& value : ticks) {
        fields >> value;
      }
    } else if (line.starts_with("cpu")) {
      ++system.cpus;
    }
  }
  const uint64_t idle = ticks[3] + ticks[4];
  uint64_t all = 0;
  for (const uint64_t value : ticks) {
    all += value;
  }
  system.cpu_idle_ns = TicksToNs(idle);
  system.cpu_busy_ns = TicksToNs(all - idle);
}

}  // namespace

pinfo_system ParseSystem(const SystemFiles& files) {
  pinfo_system system{};
  system.memory_total_bytes = NamedNumber(files.meminfo, "MemTotal") * kKilobyte;
  system.memory_free_bytes = NamedNumber(files.meminfo, "MemFree") * kKilobyte;
  system.memory_available_bytes = NamedNumber(files.meminfo, "MemAvailable") * kKilobyte;
  system.memory_buffers_bytes = NamedNumber(files.meminfo, "Buffers") * kKilobyte;
  system.memory_cached_bytes = NamedNumber(files.meminfo, "Cached") * kKilobyte;
  system.swap_total_bytes = NamedNumber(files.meminfo, "SwapTotal") * kKilobyte;
  system.swap_free_bytes = NamedNumber(files.meminfo, "SwapFree") * kKilobyte;
  std::array<double, 3> load{};
  if (sscanf(files.loadavg.c_str(), "%lf %lf %lf", &load[0], &load[1], &load[2]) == 3) {
    system.load1_milli = static_cast<pinfo_u32>(std::lround(load[0] * 1000));
    system.load5_milli = static_cast<pinfo_u32>(std::lround(load[1] * 1000));
    system.load15_milli = static_cast<pinfo_u32>(std::lround(load[2] * 1000));
  }
  system.uptime_ns = static_cast<pinfo_u64>(strtod(files.uptime.c_str(), nullptr) * 1e9);
  AddCpuTime(files.stat, system);
  system.has_pressure = !files.cpu_pressure.empty();
  system.cpu_pressure_bp = SomeAverage10(files.cpu_pressure);
  system.memory_pressure_bp = SomeAverage10(files.memory_pressure);
  system.io_pressure_bp = SomeAverage10(files.io_pressure);
  return system;
}

RecordBytes ReadSystemRecord() {
  pinfo_system system = ParseSystem({.meminfo = ReadAll("/proc/meminfo"),
                                     .loadavg = ReadAll("/proc/loadavg"),
                                     .uptime = ReadAll("/proc/uptime"),
                                     .stat = ReadAll("/proc/stat"),
                                     .cpu_pressure = ReadAll("/proc/pressure/cpu"),
                                     .memory_pressure = ReadAll("/proc/pressure/memory"),
                                     .io_pressure = ReadAll("/proc/pressure/io")});
  system.header = HeaderOf(Pid{0}, PINFO_RECORD_SYSTEM);
  return MakeRecord(system, {});
}

}  // namespace pinfo

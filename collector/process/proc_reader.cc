#include "collector/process/proc_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/read_all.h"
#include "collector/base/unique_fd.h"
#include "collector/process/proc_files.h"

namespace pinfo {
namespace {

// /proc/PID/stat; number(n) is field n of proc(5), from 4 on.
struct ProcStat {
  char state = 0;
  std::array<uint64_t, 21> numbers{};  // from field 4 on

  [[nodiscard]] uint64_t number(size_t n) const { return numbers[n - 4]; }
  // Ended with all of its threads, and not yet waited for.
  [[nodiscard]] bool is_over() const { return (state == 'Z' || state == 'X') && number(20) <= 1; }
};

// nullopt where there is no such process.
std::optional<ProcStat> ReadStat(Pid pid) {
  const std::string text = ReadAll(ProcPath(pid, "stat"));
  // After the command, which may hold spaces and brackets itself.
  const size_t end = text.rfind(')');
  if (end == std::string::npos || end + 2 >= text.size()) {
    return std::nullopt;
  }
  ProcStat stat;
  stat.state = text[end + 2];
  const char* at = text.c_str() + end + 3;
  for (uint64_t& number : stat.numbers) {
    char* after = nullptr;
    number = strtoull(at, &after, 10);
    if (after == at) {
      return std::nullopt;
    }
    at = after;
  }
  return stat;
}

std::optional<uint32_t> ParseNumber(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

void AddMapping(const pinfo_header& header, const std::string& line, ExecutableMaps& maps) {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t offset = 0;
  uint64_t inode = 0;
  unsigned major = 0;
  unsigned minor = 0;
  char permissions[5] = {};
  int path_at = 0;
  // The format of /proc/PID/maps, proc(5).
  if (sscanf(line.c_str(), "%lx-%lx %4s %lx %x:%x %lu %n", &start, &end, permissions, &offset,
             &major, &minor, &inode, &path_at) < 7 ||
      permissions[2] != 'x') {
    return;
  }
  const std::string path = path_at > 0 ? line.substr(static_cast<size_t>(path_at)) : std::string();
  pinfo_mapping record{};
  record.header = header;
  record.start = start;
  record.end = end;
  record.file_offset = offset;
  record.inode = inode;
  record.device_major = major;
  record.device_minor = minor;
  record.path_bytes = static_cast<pinfo_u32>(std::min<size_t>(path.size(), PINFO_TEXT_MAX));
  record.flags = PINFO_MAPPING_EXECUTABLE | (maps.records.empty() ? PINFO_MAPPING_RESET : 0);
  maps.records.push_back(MakeRecord(record, std::string_view(path).substr(0, PINFO_TEXT_MAX)));
  maps.ranges.emplace_back(start, end);
}

uint32_t CountDescriptors(Pid pid) {
  const std::string fds = ProcPath(pid, "fd");
  struct stat directory {};
  // Since Linux 6.2 their number is the directory's size.
  if (::stat(fds.c_str(), &directory) == 0 && directory.st_size > 0) {
    return static_cast<uint32_t>(directory.st_size);
  }
  uint32_t count = 0;
  ForEachEntry(fds, [&count](std::string_view) { ++count; });
  return count;
}

}  // namespace

std::optional<uint64_t> ReadStartTicks(Pid pid) {
  const auto stat = ReadStat(pid);
  return stat ? std::optional(stat->number(22)) : std::nullopt;
}

std::optional<RecordBytes> ReadProcessRecord(Pid pid, const ProcessFacts& facts) {
  const auto stat = ReadStat(pid);
  if (!stat) {
    return std::nullopt;
  }
  std::string arguments = ReadAll(ProcPath(pid, "cmdline"));
  std::replace(arguments.begin(), arguments.end(), '\0', ' ');
  while (!arguments.empty() && arguments.back() == ' ') {
    arguments.pop_back();
  }
  std::string text;
  for (const std::string& part :
       {ReadLink(ProcPath(pid, "exe")), ReadComm(pid), ReadLink(ProcPath(pid, "cwd")), arguments,
        facts.runtime, facts.listen}) {
    text += part.substr(0, PINFO_TEXT_MAX);
    text += '\0';
  }
  struct stat owner {};
  ::stat(ProcPath(pid, "").c_str(), &owner);
  pinfo_process record{};
  record.header = HeaderOf(pid, PINFO_RECORD_PROCESS);
  record.start_ticks = stat->number(22);
  record.parent_pid = static_cast<pinfo_u32>(stat->number(4));
  record.uid = owner.st_uid;
  record.text_bytes = static_cast<pinfo_u32>(text.size());
  return MakeRecord(record, text);
}

std::optional<StatusFigures> ReadStatusFigures(Pid pid) {
  const auto stat = ReadStat(pid);
  if (!stat || stat->state == 'Z') {
    return std::nullopt;
  }
  return StatusFigures{.user_ticks = stat->number(14),
                       .system_ticks = stat->number(15),
                       .minor_faults = stat->number(10),
                       .threads = stat->number(20),
                       .virtual_bytes = stat->number(23),
                       .resident_pages = stat->number(24)};
}

std::optional<RecordBytes> ReadStatusRecord(Pid pid, const StatusFigures& figures) {
  const std::string status = ReadAll(ProcPath(pid, "status"));
  if (status.empty()) {
    return std::nullopt;
  }
  const std::string io = ReadAll(ProcPath(pid, "io"));
  pinfo_status record{};
  record.header = HeaderOf(pid, PINFO_RECORD_STATUS);
  record.rss_bytes = NamedNumber(status, "VmRSS") * 1024;
  record.peak_rss_bytes = NamedNumber(status, "VmHWM") * 1024;
  record.virtual_bytes = NamedNumber(status, "VmSize") * 1024;
  record.user_cpu_ns = TicksToNs(figures.user_ticks);
  record.system_cpu_ns = TicksToNs(figures.system_ticks);
  record.read_bytes = NamedNumber(io, "read_bytes");
  record.written_bytes = NamedNumber(io, "write_bytes");
  record.threads = static_cast<pinfo_u32>(figures.threads);
  record.open_fds = CountDescriptors(pid);
  return MakeRecord(record, {});
}

std::optional<RecordBytes> RepeatStatusRecord(const RecordBytes& last) {
  pinfo_status record{};
  if (last.size() * sizeof(uint64_t) < sizeof(record)) {
    return std::nullopt;
  }
  std::memcpy(&record, last.data(), sizeof(record));
  record.header = HeaderOf(Pid{record.header.pid}, PINFO_RECORD_STATUS);
  return MakeRecord(record, {});
}

uint64_t ReadPssBytes(Pid pid) {
  return NamedNumber(ReadAll(ProcPath(pid, "smaps_rollup")), "Pss") * 1024;
}

std::optional<RecordBytes> ReadFinalStatusRecord(Pid pid, const RecordBytes& last) {
  const auto stat = ReadStat(pid);
  auto repeated = RepeatStatusRecord(last);
  if (!stat || !repeated) {
    return std::nullopt;
  }
  pinfo_status record{};
  std::memcpy(&record, repeated->data(), sizeof(record));
  record.user_cpu_ns = TicksToNs(stat->number(14));
  record.system_cpu_ns = TicksToNs(stat->number(15));
  return MakeRecord(record, {});
}

ExecutableMaps ReadExecutableMaps(Pid pid) {
  ExecutableMaps maps;
  // The time before the reading: a mapping made meanwhile has a record of its own, which must not
  // be undone by this one.
  const pinfo_header header = HeaderOf(pid, PINFO_RECORD_MAPPING);
  std::istringstream in(ReadAll(ProcPath(pid, "maps")));
  std::string line;
  while (std::getline(in, line)) {
    AddMapping(header, line, maps);
    maps.has_uring |= line.ends_with("anon_inode:[io_uring]");
  }
  return maps;
}

bool ExecutableMaps::SameAs(const ExecutableMaps& other) const {
  constexpr size_t kHeaderWords = sizeof(pinfo_header) / sizeof(uint64_t);
  return std::equal(records.begin(), records.end(), other.records.begin(), other.records.end(),
                    [](const RecordBytes& a, const RecordBytes& b) {
                      return std::equal(a.begin() + kHeaderWords, a.end(), b.begin() + kHeaderWords,
                                        b.end());
                    });
}

bool MapsAreReadable(Pid pid) {
  const UniqueFd fd(open(ProcPath(pid, "maps").c_str(), O_RDONLY | O_CLOEXEC));
  char byte = 0;
  return fd && read(fd.get(), &byte, 1) >= 0;
}

Pid ParentOf(Pid pid) {
  const auto stat = ReadStat(pid);
  return Pid{stat ? static_cast<uint32_t>(stat->number(4)) : 0};
}

bool IsKernelThread(Pid pid) {
  // PF_KTHREAD, include/linux/sched.h; field 9 of /proc/PID/stat.
  constexpr uint64_t kKernelThreadFlag = 0x00200000;
  const auto stat = ReadStat(pid);
  return stat && (stat->number(9) & kKernelThreadFlag) != 0;
}

bool IsZombie(Pid pid) {
  const auto stat = ReadStat(pid);
  return stat && stat->is_over();
}

bool HasEnded(Pid pid) {
  const auto stat = ReadStat(pid);
  return !stat || stat->is_over();
}

std::vector<Pid> ChildrenOf(Pid pid) {
  std::vector<Pid> children;
  const std::string tasks = ProcPath(pid, "task");
  ForEachEntry(tasks, [&](std::string_view tid) {
    std::istringstream in(ReadAll(tasks + "/" + std::string(tid) + "/children"));
    uint32_t child = 0;
    while (in >> child) {
      children.push_back(Pid{child});
    }
  });
  return children;
}

std::vector<Pid> AllPids() {
  std::vector<Pid> pids;
  ForEachEntry("/proc", [&](std::string_view name) {
    if (const auto pid = ParseNumber(name)) {
      pids.push_back(Pid{*pid});
    }
  });
  return pids;
}

std::string ReadComm(Pid pid) {
  std::string comm = ReadAll(ProcPath(pid, "comm"));
  if (!comm.empty() && comm.back() == '\n') {
    comm.pop_back();
  }
  return comm;
}

std::string ReadExe(Pid pid) { return ReadLink(ProcPath(pid, "exe")); }

}  // namespace pinfo

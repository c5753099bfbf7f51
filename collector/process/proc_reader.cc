#include "collector/process/proc_reader.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <iterator>
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

// The fields of /proc/PID/stat after the command, which may hold spaces and brackets itself:
// fields[0] is the state, field 3 of proc(5).
std::vector<std::string> StatFields(Pid pid) {
  const std::string text = ReadAll(ProcPath(pid, "stat"));
  const size_t end = text.rfind(')');
  if (end == std::string::npos) {
    return {};
  }
  std::istringstream in(text.substr(end + 1));
  return {std::istream_iterator<std::string>(in), std::istream_iterator<std::string>()};
}

uint64_t FieldNumber(const std::vector<std::string>& fields, size_t number_in_proc5) {
  const size_t index = number_in_proc5 - 3;
  return index < fields.size() ? strtoull(fields[index].c_str(), nullptr, 10) : 0;
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

pinfo_u32 CountDescriptors(Pid pid) {
  const std::string path = ProcPath(pid, "fd");
  struct stat directory {};
  // Linux 6.2 and newer have counted them: fs/proc/fd.c, proc_fd_getattr.
  if (stat(path.c_str(), &directory) == 0 && directory.st_size > 0) {
    return static_cast<pinfo_u32>(directory.st_size);
  }
  pinfo_u32 descriptors = 0;
  ForEachEntry(path, [&](std::string_view) { ++descriptors; });
  return descriptors;
}

}  // namespace

std::optional<uint64_t> ReadStartTicks(Pid pid) {
  const std::vector<std::string> fields = StatFields(pid);
  if (fields.size() < 20) {
    return std::nullopt;
  }
  return FieldNumber(fields, 22);
}

std::optional<RecordBytes> ReadProcessRecord(Pid pid, const ProcessFacts& facts) {
  const std::vector<std::string> fields = StatFields(pid);
  if (fields.size() < 20) {
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
  stat(ProcPath(pid, "").c_str(), &owner);
  pinfo_process record{};
  record.header = HeaderOf(pid, PINFO_RECORD_PROCESS);
  record.start_ticks = FieldNumber(fields, 22);
  record.parent_pid = static_cast<pinfo_u32>(FieldNumber(fields, 4));
  record.uid = owner.st_uid;
  record.text_bytes = static_cast<pinfo_u32>(text.size());
  return MakeRecord(record, text);
}

std::optional<RecordBytes> ReadStatusRecord(Pid pid) {
  const std::vector<std::string> fields = StatFields(pid);
  const std::string status = ReadAll(ProcPath(pid, "status"));
  if (fields.size() < 20 || status.empty() || fields[0] == "Z") {
    return std::nullopt;
  }
  const std::string io = ReadAll(ProcPath(pid, "io"));
  pinfo_status record{};
  record.header = HeaderOf(pid, PINFO_RECORD_STATUS);
  record.rss_bytes = NamedNumber(status, "VmRSS") * 1024;
  record.peak_rss_bytes = NamedNumber(status, "VmHWM") * 1024;
  record.virtual_bytes = NamedNumber(status, "VmSize") * 1024;
  record.user_cpu_ns = TicksToNs(FieldNumber(fields, 14));
  record.system_cpu_ns = TicksToNs(FieldNumber(fields, 15));
  record.read_bytes = NamedNumber(io, "read_bytes");
  record.written_bytes = NamedNumber(io, "write_bytes");
  record.threads = static_cast<pinfo_u32>(FieldNumber(fields, 20));
  record.open_fds = CountDescriptors(pid);
  return MakeRecord(record, {});
}

uint64_t ReadPssBytes(Pid pid) {
  return NamedNumber(ReadAll(ProcPath(pid, "smaps_rollup")), "Pss") * 1024;
}

std::optional<RecordBytes> ReadFinalStatusRecord(Pid pid, const RecordBytes& last) {
  const std::vector<std::string> fields = StatFields(pid);
  if (fields.size() < 20 || last.size() * sizeof(uint64_t) < sizeof(pinfo_status)) {
    return std::nullopt;
  }
  pinfo_status record{};
  std::memcpy(&record, last.data(), sizeof(record));
  record.header = HeaderOf(pid, PINFO_RECORD_STATUS);
  record.user_cpu_ns = TicksToNs(FieldNumber(fields, 14));
  record.system_cpu_ns = TicksToNs(FieldNumber(fields, 15));
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

Pid ParentOf(Pid pid) { return Pid{static_cast<uint32_t>(FieldNumber(StatFields(pid), 4))}; }

bool IsKernelThread(Pid pid) {
  // PF_KTHREAD, include/linux/sched.h; field 9 of /proc/PID/stat.
  constexpr uint64_t kKernelThreadFlag = 0x00200000;
  return (FieldNumber(StatFields(pid), 9) & kKernelThreadFlag) != 0;
}

bool IsZombie(Pid pid) {
  const std::vector<std::string> fields = StatFields(pid);
  return !fields.empty() && (fields[0] == "Z" || fields[0] == "X") && FieldNumber(fields, 20) <= 1;
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

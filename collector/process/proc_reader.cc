#include "collector/process/proc_reader.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <sstream>
#include <string_view>

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/base/read_all.h"
#include "collector/base/unique_fd.h"

namespace pinfo {
namespace {

std::string ProcPath(Pid pid, const char* name) {
  return "/proc/" + std::to_string(pid.value) + "/" + name;
}

std::string ReadLink(const std::string& path) {
  char target[PINFO_TEXT_MAX];
  const ssize_t length = readlink(path.c_str(), target, sizeof(target));
  return length > 0 ? std::string(target, static_cast<size_t>(length)) : std::string();
}

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

// Calls visit with each entry's name of a directory.
template <typename Visit>
void ForEachEntry(const std::string& path, Visit visit) {
  DIR* dir = opendir(path.c_str());
  if (dir == nullptr) {
    return;
  }
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] != '.') {
      visit(std::string_view(entry->d_name));
    }
  }
  closedir(dir);
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

// Inodes of the sockets that the process holds, sorted; nullopt where its descriptors may not be
// looked at.
std::optional<std::vector<uint64_t>> SocketInodes(Pid pid) {
  const std::string fds = ProcPath(pid, "fd");
  if (access(fds.c_str(), R_OK) != 0) {
    return std::nullopt;
  }
  std::vector<uint64_t> inodes;
  bool denied = false;
  ForEachEntry(fds, [&](std::string_view name) {
    errno = 0;
    const std::string target = ReadLink(fds + "/" + std::string(name));
    denied |= target.empty() && (errno == EACCES || errno == EPERM);
    if (target.starts_with("socket:[")) {
      inodes.push_back(strtoull(target.c_str() + 8, nullptr, 10));
    }
  });
  if (denied) {
    return std::nullopt;
  }
  std::sort(inodes.begin(), inodes.end());
  return inodes;
}

// Calls visit(address in hexadecimal, port, inode) for each socket of /proc/PID/net/tcp or tcp6
// that listens. The format: Documentation/networking/proc_net_tcp.rst.
template <typename Visit>
void ForEachTcpListener(Pid pid, const char* table, Visit visit) {
  std::istringstream in(ReadAll(ProcPath(pid, table)));
  std::string line;
  std::getline(in, line);  // the heading
  while (std::getline(in, line)) {
    char address[33] = {};
    unsigned port = 0;
    unsigned state = 0;
    uint64_t inode = 0;
    constexpr unsigned kListen = 0x0A;
    if (sscanf(line.c_str(), " %*d: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*d %*d %lu",
               address, &port, &state, &inode) == 4 &&
        state == kListen) {
      visit(std::string_view(address), port, inode);
    }
  }
}

// Of hexadecimal words, each in the machine's byte order; a text in brackets for IPv6.
std::string AddressText(std::string_view hexadecimal) {
  uint32_t words[4] = {};
  const size_t count = std::min<size_t>(hexadecimal.size() / 8, std::size(words));
  for (size_t i = 0; i < count; ++i) {
    const std::string_view word = hexadecimal.substr(8 * i, 8);
    std::from_chars(word.data(), word.data() + word.size(), words[i], 16);
  }
  char text[INET6_ADDRSTRLEN] = {};
  if (inet_ntop(count == 1 ? AF_INET : AF_INET6, words, text, sizeof(text)) == nullptr) {
    return "?";
  }
  return count == 1 ? std::string(text) : "[" + std::string(text) + "]";
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
  pinfo_u32 descriptors = 0;
  ForEachEntry(ProcPath(pid, "fd"), [&](std::string_view) { ++descriptors; });
  record.open_fds = descriptors;
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

std::vector<uint16_t> ListenPorts(Pid pid) {
  const std::optional<std::vector<uint64_t>> inodes = SocketInodes(pid);
  std::vector<uint16_t> ports;
  for (const char* table : {"net/tcp", "net/tcp6"}) {
    ForEachTcpListener(pid, table, [&](std::string_view, unsigned port, uint64_t inode) {
      if (!inodes || std::binary_search(inodes->begin(), inodes->end(), inode)) {
        ports.push_back(static_cast<uint16_t>(port));
      }
    });
  }
  return ports;
}

std::vector<std::string> ListenAddresses(Pid pid) {
  const std::optional<std::vector<uint64_t>> inodes = SocketInodes(pid);
  std::vector<std::string> addresses;
  if (!inodes || inodes->empty()) {
    return addresses;
  }
  const auto held = [&](uint64_t inode) {
    return std::binary_search(inodes->begin(), inodes->end(), inode);
  };
  for (const char* table : {"net/tcp", "net/tcp6"}) {
    ForEachTcpListener(pid, table, [&](std::string_view address, unsigned port, uint64_t inode) {
      if (held(inode)) {
        addresses.push_back(AddressText(address) + ":" + std::to_string(port));
      }
    });
  }
  std::istringstream in(ReadAll(ProcPath(pid, "net/unix")));
  std::string line;
  std::getline(in, line);  // the heading
  while (std::getline(in, line)) {
    unsigned flags = 0;
    unsigned type = 0;
    uint64_t inode = 0;
    int path_at = 0;
    // Num RefCount Protocol Flags Type St Inode Path; __SO_ACCEPTCON is what listen(2) sets.
    constexpr unsigned kAcceptsConnections = 0x10000;
    if (sscanf(line.c_str(), "%*x: %*x %*x %x %x %*x %lu %n", &flags, &type, &inode, &path_at) ==
            3 &&
        (flags & kAcceptsConnections) != 0 && path_at > 0 && held(inode)) {
      addresses.push_back("unix:" + line.substr(static_cast<size_t>(path_at)));
    }
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

std::vector<Pid> ProcessesListeningOn(uint16_t port) {
  // The table of a network namespace can be long (it holds every connection) and is the same for
  // all its processes: read once.
  std::map<uint64_t, std::vector<uint64_t>> listeners;  // by namespace: inodes of sockets on port
  std::vector<Pid> found;
  for (const Pid pid : AllPids()) {
    struct stat space {};
    if (stat(ProcPath(pid, "ns/net").c_str(), &space) != 0) {
      continue;
    }
    const auto [of_space, is_new] = listeners.try_emplace(space.st_ino);
    if (is_new) {
      for (const char* table : {"net/tcp", "net/tcp6"}) {
        ForEachTcpListener(pid, table, [&](std::string_view, unsigned each, uint64_t inode) {
          if (each == port) {
            of_space->second.push_back(inode);
          }
        });
      }
    }
    if (of_space->second.empty()) {
      continue;
    }
    const std::optional<std::vector<uint64_t>> inodes = SocketInodes(pid);
    const auto is_its_own = [&inodes](uint64_t inode) {
      return std::binary_search(inodes->begin(), inodes->end(), inode);
    };
    if (!inodes || std::any_of(of_space->second.begin(), of_space->second.end(), is_its_own)) {
      found.push_back(pid);
    }
  }
  return found;
}

}  // namespace pinfo

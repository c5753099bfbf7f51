#include "collector/source/tls_probes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "collector/process/proc_reader.h"
#include "collector/stack/root_open.h"

namespace pinfo {
namespace {

// Files looked at over all processes; beyond it a process that maps ever new ones is refused.
constexpr size_t kFilesMax = 1024;
constexpr int64_t kSweepNs = 1'000'000'000;
// The bit of bpf/state.h's FOLLOWED_TLS beside FOLLOWED.
constexpr uint8_t kFollowedWithTls = 3;
// struct tls_key of bpf/tls.h.
struct SessionKey {
  uint64_t ssl = 0;
  uint32_t pid = 0;
  uint32_t reserved = 0;
};

// The file as the process has it mapped, even if its path is another file's by now.
Result<std::unique_ptr<ElfFile>> OpenMapped(Pid pid, const pinfo_mapping& mapping,
                                            const std::string& path) {
  Result<UniqueFd> fd = OpenInRoot(
      "", fmt::format("/proc/{}/map_files/{:x}-{:x}", pid.value, mapping.start, mapping.end));
  if (!fd) {
    fd = OpenInRoot(fmt::format("/proc/{}/root", pid.value), path);
    struct stat info {};
    if (fd && (fstat(fd->get(), &info) != 0 || info.st_ino != mapping.inode)) {
      return Fail(path + ": has been replaced since the process mapped it");
    }
  }
  if (!fd) {
    return tl::unexpected(fd.error());
  }
  return ElfFile::Open(std::move(*fd), path);
}

// The cookie as bpf/tls_function.h has it.
ProbePoint PointAt(pinfo_tls_function function, const ProbePlace& place) {
  return {.offset = place.offset,
          .cookie = static_cast<uint64_t>(place.stack_bytes) << PINFO_TLS_COOKIE_STACK_SHIFT |
                    static_cast<uint64_t>(function)};
}

}  // namespace

void TlsProbes::Inspect(Pid pid) {
  if (const auto process = ReadProcessRecord(pid)) {
    OnRecord(*DecodeRecord(std::as_bytes(std::span(*process))));
  }
  for (const RecordBytes& bytes : ReadExecutableMaps(pid).records) {
    if (const auto record = DecodeRecord(std::as_bytes(std::span(bytes)))) {
      OnRecord(*record);
    }
  }
}

void TlsProbes::OnRecord(const RecordView& record) {
  const Pid pid{record.header().pid};
  switch (record.type()) {
    case PINFO_RECORD_PROCESS:
      executables_[pid] = record.text().substr(0, record.text().find('\0'));
      return;
    case PINFO_RECORD_MAPPING:
      OnMapping(pid, record.as<pinfo_mapping>(), record.text());
      return;
    case PINFO_RECORD_TASK:
      // The kernel's side gives a child what its parent has.
      if (record.header().pid == record.header().tid &&
          with_sessions_.contains(Pid{record.as<pinfo_task>().parent_pid})) {
        with_sessions_.insert(pid);
      }
      return;
    case PINFO_RECORD_EXEC:
      marked_.erase(pid);
      return;
    case PINFO_RECORD_EXIT:
      if (record.as<pinfo_exit>().process_ended != 0) {
        executables_.erase(pid);
        marked_.erase(pid);
        if (with_sessions_.erase(pid) != 0) {
          ended_.insert(pid);
        }
      }
      return;
    default:
      return;
  }
}

void TlsProbes::OnMapping(Pid pid, const pinfo_mapping& mapping, std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) {
    path.remove_suffix(kDeleted.size());
  }
  const auto executable = executables_.find(pid);
  if (stopped_ || mapping.inode == 0 || marked_.contains(pid) ||
      (!IsTlsLibraryName(path) &&
       (executable == executables_.end() || executable->second != path))) {
    return;
  }
  const Result<std::unique_ptr<ElfFile>> elf = OpenMapped(pid, mapping, std::string(path));
  if (!elf) {
    if (IsTlsLibraryName(path)) {
      Note(fmt::format("requests over TLS by {} are not seen: {}", path, elf.error().message));
    }
    return;
  }
  const auto [file, is_new] = files_.try_emplace((*elf)->identity(), false);
  if (is_new && files_.size() <= kFilesMax) {
    file->second = Probe(**elf);
  }
  if (file->second) {
    MarkProcess(pid);
  }
}

bool TlsProbes::Probe(const ElfFile& elf) {
  const auto functions = FindTlsFunctions(elf);
  if (!functions) {
    Note(fmt::format("requests over TLS by {} are not seen: {}", elf.path(),
                     functions.error().message));
    return false;
  }
  if (!*functions) {
    return false;
  }
  // The very file that was read, whatever becomes of its path.
  const Status status = Attach(**functions, fmt::format("/proc/self/fd/{}", elf.fd()));
  if (!status) {
    Note(fmt::format("requests over TLS by {} are not seen: {}", elf.path(),
                     status.error().message));
  }
  return status.has_value();
}

Status TlsProbes::Attach(const std::vector<TlsFunction>& functions, const std::string& path) {
  std::vector<ProbePoint> enters;
  std::vector<ProbePoint> leaves;
  std::vector<ProbePoint> states;
  std::vector<ProbePoint> frees;
  for (const TlsFunction& function : functions) {
    const bool is_state =
        function.function == PINFO_TLS_ACCEPT || function.function == PINFO_TLS_CONNECT;
    (is_state                              ? states
     : function.function == PINFO_TLS_FREE ? frees
                                           : enters)
        .push_back(PointAt(function.function, function.entry));
    for (const ProbePlace& place : function.returns) {
      leaves.push_back(PointAt(function.function, place));
    }
  }
  std::vector<UserProbe> probes;
  // The returns first: an entry that is noted must find its end.
  for (const auto& [program, points] : {std::pair(programs_.leave, &leaves),
                                        {programs_.enter, &enters},
                                        {programs_.state, &states},
                                        {programs_.free, &frees}}) {
    if (points->empty()) {
      continue;
    }
    Result<UserProbe> probe = UserProbe::Attach(program, path, *points);
    if (!probe) {
      return tl::unexpected(probe.error());
    }
    probes.push_back(std::move(*probe));
  }
  std::move(probes.begin(), probes.end(), std::back_inserter(probes_));
  return {};
}

void TlsProbes::MarkProcess(Pid pid) {
  // BPF_EXIST: a process that has ended meanwhile must not be followed again.
  if (bpf_map_update_elem(programs_.followed_map, &pid.value, &kFollowedWithTls, BPF_EXIST) == 0) {
    marked_.insert(pid);
    with_sessions_.insert(pid);
  }
}

void TlsProbes::Tick(int64_t now_ns) {
  if (!ended_.empty() && now_ns >= next_sweep_ns_) {
    next_sweep_ns_ = now_ns + kSweepNs;
    SweepSessions();
  }
}

void TlsProbes::SweepSessions() {
  SessionKey key;
  SessionKey next;
  bool more = bpf_map_get_next_key(programs_.sessions_map, nullptr, &next) == 0;
  while (more) {
    key = next;
    more = bpf_map_get_next_key(programs_.sessions_map, &key, &next) == 0;
    if (ended_.contains(Pid{key.pid})) {
      bpf_map_delete_elem(programs_.sessions_map, &key);
    }
  }
  ended_.clear();
}

void TlsProbes::Stop() {
  stopped_ = true;
  probes_.clear();
}

void TlsProbes::Note(std::string note) {
  if (std::find(notes_.begin(), notes_.end(), note) == notes_.end()) {
    notes_.push_back(std::move(note));
  }
}

}  // namespace pinfo

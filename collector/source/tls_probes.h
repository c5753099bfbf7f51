// Probes on the TLS libraries of followed processes, put there when a process maps one.
//
// A file is probed once, in every process that maps it, for as long as pinfo runs: the breakpoints
// are then in place before a worker that has just been forked serves its first request. What other
// processes do with the same file costs them the look-up that finds them not followed. A process
// without such a library costs nothing.
//
// Belongs to the thread of its source. Files are opened as the process has them mapped
// (/proc/PID/map_files), so containers and replaced files are no exception.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bpf/tls_function.h"
#include "collector/base/ids.h"
#include "collector/base/result.h"
#include "collector/source/record.h"
#include "collector/source/user_probe.h"
#include "collector/stack/elf_file.h"
#include "collector/tls/tls_library.h"

namespace pinfo {

// Of the loaded skeleton, which outlives the probes.
struct TlsPrograms {
  const bpf_program* enter = nullptr;
  const bpf_program* leave = nullptr;
  const bpf_program* state = nullptr;
  const bpf_program* free = nullptr;
  int followed_map = -1;
  int sessions_map = -1;
};

class TlsProbes {
 public:
  explicit TlsProbes(const TlsPrograms& programs) : programs_(programs) {}

  // Looks into a process that is followed from now on, so that its next request is seen.
  void Inspect(Pid pid);
  // Sees every record: what processes map, and which have ended.
  void OnRecord(const RecordView& record);
  // Forgets the sessions of ended processes; now and then.
  void Tick(int64_t now_ns);
  // Takes the probes away.
  void Stop();

  // One sentence for each file whose TLS is not seen, with the reason.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  void OnMapping(Pid pid, const pinfo_mapping& mapping, std::string_view path);
  bool Probe(const ElfFile& elf);
  Status Attach(const std::vector<TlsFunction>& functions, const std::string& path);
  void MarkProcess(Pid pid);
  void SweepSessions();
  void Note(std::string note);

  TlsPrograms programs_;
  std::map<FileIdentity, bool> files_;  // looked at: whether it is probed
  std::unordered_map<Pid, std::string> executables_;
  std::unordered_set<Pid> marked_;         // as having a library that is probed
  std::unordered_set<Pid> with_sessions_;  // perhaps; the same and their children
  std::unordered_set<Pid> ended_;          // of those, since the last sweep
  std::vector<UserProbe> probes_;
  std::vector<std::string> notes_;
  int64_t next_sweep_ns_ = 0;
  bool stopped_ = false;
};

}  // namespace pinfo

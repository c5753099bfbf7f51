// Keeps the stream's knowledge of processes up to date from /proc: who they are, what they have
// mapped, what they use; and how the machine is. Emits records into the same sink as the source
// that owns it.
//
// One thread. Cost: one small /proc file per process and status interval, four where the process has
// done something since; maps are read again after an exec, when a sample falls outside the known
// mappings, and every 5 s while the process runs. The status interval is 1 s. Both intervals are
// longer where there are more than 200 processes: 1,000 of them take about 2% of one CPU.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>

#include "collector/base/ids.h"
#include "collector/process/listeners.h"
#include "collector/process/proc_reader.h"
#include "collector/process/runtime_version.h"
#include "collector/source/record.h"
#include "collector/source/source.h"

namespace pinfo {

class ProcessWatcher {
 public:
  // Emits PROCESS, MAPPING and STATUS records of a process that is followed from now on.
  void Follow(Pid pid, RecordSink& sink);
  // The same for a process that tells of itself in its own records: no PROCESS record. What it does
  // by io_uring, which it cannot tell, is counted.
  void Watch(Pid pid);
  // It has ended: a last STATUS where /proc still has one.
  void End(Pid pid, RecordSink& sink);
  // Sees every record on its way: new tasks, execs, exits, samples at unknown addresses.
  void OnRecord(const RecordView& record, RecordSink& sink);
  // The kernel tells of a new executable mapping: passed on where it is of a process watched, and
  // news. /proc is read soon after, since nothing tells of what has been unmapped.
  void OnMapping(const pinfo_mapping& mapping, std::string_view path, RecordSink& sink);
  // Some of the former were lost: every process's mappings are read again.
  void OnMappingsLost();
  // What is due by now.
  void Tick(int64_t now_ns, RecordSink& sink);

 private:
  struct Watched {
    ExecutableMaps maps;
    int64_t next_maps_ns = 0;
    int64_t maps_interval_ns = 0;
    int64_t next_status_ns = 0;
    int64_t next_facts_ns = 0;
    int64_t next_pss_ns = 0;
    int64_t next_uring_ns = 0;
    uint64_t uring_operations = 0;  // told so far
    bool maps_wanted = false;
    // It has used CPU time since its mappings, and its facts, were read.
    bool ran_since_maps = true;
    bool ran_since_facts = true;
    StatusFigures figures;
    int64_t next_full_status_ns = 0;
    bool tells_itself = false;  // see Watch
    RecordBytes last_status;
    ProcessFacts facts;
  };

  void Begin(Pid pid, int64_t now_ns, RecordSink& sink);
  void ReadMaps(Pid pid, Watched& watched, int64_t now_ns, RecordSink& sink);
  static void WantMaps(Watched& watched);
  void ReadFacts(Pid pid, Watched& watched, int64_t now_ns, RecordSink& sink);
  static void ReadUring(Pid pid, Watched& watched, RecordSink& sink);
  static void ReadStatus(Pid pid, Watched& watched, int64_t now_ns, RecordSink& sink);
  [[nodiscard]] int64_t status_interval_ns() const;

  int64_t next_system_ns_ = 0;
  std::unordered_map<Pid, Watched> watched_;
  RuntimeVersions runtimes_;
  ListenAddresses listen_addresses_;
};

}  // namespace pinfo

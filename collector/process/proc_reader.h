// Reading /proc/PID as records of the stream, so that live streams, recordings and replays carry
// the same facts. Every function tolerates a process that ends meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "collector/base/ids.h"
#include "collector/process/proc_record.h"

namespace pinfo {

// Field 22 of /proc/PID/stat in clock ticks since boot; nullopt where there is no such process.
std::optional<uint64_t> ReadStartTicks(Pid pid);

// What a process is known by once it has run for a moment; empty where not known (yet).
struct ProcessFacts {
  std::string runtime;  // collector/process/runtime_version.h
  std::string listen;   // addresses, joined by spaces
  friend bool operator==(const ProcessFacts&, const ProcessFacts&) = default;
};

// PINFO_RECORD_PROCESS; nullopt where there is no such process.
std::optional<RecordBytes> ReadProcessRecord(Pid pid, const ProcessFacts& facts = {});
// Figures of /proc/PID/stat that stay as they are while a process does nothing.
struct StatusFigures {
  uint64_t user_ticks = 0;
  uint64_t system_ticks = 0;
  uint64_t minor_faults = 0;
  uint64_t threads = 0;
  uint64_t virtual_bytes = 0;
  uint64_t resident_pages = 0;
  friend bool operator==(const StatusFigures&, const StatusFigures&) = default;
};
// nullopt where there is no such process any more.
std::optional<StatusFigures> ReadStatusFigures(Pid pid);
// PINFO_RECORD_STATUS of a process with these figures, without pss_bytes; nullopt where there is no
// such process any more. Three further files of /proc.
std::optional<RecordBytes> ReadStatusRecord(Pid pid, const StatusFigures& figures);
// The same as an earlier one, now.
std::optional<RecordBytes> RepeatStatusRecord(const RecordBytes& last);
// Bytes of memory with shared pages counted by their share (Pss of /proc/PID/smaps_rollup); 0 where
// it may not be read. The kernel walks the page tables for it, under the lock that mmap(2) takes:
// about 1 ms for 100 MB, in which the target's own mmap waits. REQUIRES a caller that asks rarely.
uint64_t ReadPssBytes(Pid pid);
// The same for a process that has just ended: its CPU time as long as nobody has waited for it, its
// memory and descriptors, which are gone, as in its last record.
std::optional<RecordBytes> ReadFinalStatusRecord(Pid pid, const RecordBytes& last);

// The executable lines of /proc/PID/maps as one PINFO_RECORD_MAPPING each, the first with the RESET
// flag. Empty where there is no such process or it may not be read.
struct ExecutableMaps {
  std::vector<RecordBytes> records;
  std::vector<std::pair<uint64_t, uint64_t>> ranges;  // [start, end), sorted
  bool has_uring = false;                             // a ring of io_uring is mapped, too
  // Another file at the same place is another mapping; only the records' times may differ.
  [[nodiscard]] bool SameAs(const ExecutableMaps& other) const;
};
ExecutableMaps ReadExecutableMaps(Pid pid);
// Another user's process, or one with more capabilities, takes CAP_SYS_PTRACE.
bool MapsAreReadable(Pid pid);

// Kernel threads have no address space: nothing in them can be profiled.
bool IsKernelThread(Pid pid);
// Ended, and not yet waited for by its parent. A leader that has ended before its threads is none.
bool IsZombie(Pid pid);
// There is no such process, or it is a zombie.
bool HasEnded(Pid pid);
Pid ParentOf(Pid pid);                 // Pid{0} where there is none
std::vector<Pid> ChildrenOf(Pid pid);  // direct children, of every thread
std::vector<Pid> AllPids();
std::string ReadComm(Pid pid);
std::string ReadExe(Pid pid);  // as the process sees it; empty where it may not be read

}  // namespace pinfo

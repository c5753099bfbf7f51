#include "collector/pipeline/process_table.h"

#include <cstdlib>
#include <string_view>
#include <utility>

#include <unistd.h>

namespace pinfo {
namespace {

// The text of a PROCESS record up to the next zero byte.
std::string_view NextText(std::string_view& text) {
  const size_t end = text.find('\0');
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

// Of start_ticks, which count from boot on CLOCK_BOOTTIME.
int64_t NsPerTick() {
  static const int64_t ns = 1'000'000'000 / sysconf(_SC_CLK_TCK);
  return ns;
}

}  // namespace

ProcessTable::ProcessTable(ModuleCache& modules, Origin origin, std::string mode)
    : modules_(modules),
      origin_(std::move(origin)),
      mode_(mode.starts_with("ebpf") ? "ebpf" : std::move(mode)) {}

TrackedProcess& ProcessTable::Add(Pid pid, int64_t now_ns) {
  TrackedProcess& process = processes_.emplace_back(modules_, pid);
  process.row.pid = pid;
  process.row.boot_id = origin_.boot_id;
  process.row.host = origin_.host;
  process.row.mode = mode_;
  process.row.start_wall_ns = WallNs(now_ns);
  process.row.seen_wall_ns = WallNs(now_ns);
  current_[pid] = &process;
  return process;
}

TrackedProcess& ProcessTable::Get(Pid pid) {
  const auto it = current_.find(pid);
  return it != current_.end() ? *it->second : Add(pid, 0);
}

void ProcessTable::ForgetEnded(int64_t before_wall_ns,
                               const std::function<void(TrackedProcess&)>& on_forget) {
  for (auto it = processes_.begin(); it != processes_.end();) {
    if (!it->row.end_wall_ns || *it->row.end_wall_ns >= before_wall_ns) {
      ++it;
      continue;
    }
    on_forget(*it);
    const auto current = current_.find(it->row.pid);
    if (current != current_.end() && current->second == &*it) {
      current_.erase(current);
    }
    it = processes_.erase(it);
  }
}

void ProcessTable::FollowWallClock(int64_t wall_minus_monotonic_ns) {
  // A small difference is that of reading two clocks, or slewing: rows' times stay comparable.
  constexpr int64_t kStepNs = 1'000'000;
  if (std::abs(wall_minus_monotonic_ns - origin_.wall_minus_monotonic_ns) > kStepNs) {
    origin_.wall_minus_monotonic_ns = wall_minus_monotonic_ns;
  }
}

void ProcessTable::OnProcess(const RecordView& record) {
  const auto& who = record.as<pinfo_process>();
  const auto now_ns = static_cast<int64_t>(who.header.time_ns);
  const Pid pid{who.header.pid};
  TrackedProcess* process = &Get(pid);
  if (process->row.start_ticks != 0 && process->row.start_ticks != who.start_ticks) {
    process = &Add(pid, now_ns);
  }
  std::string_view text = record.text();
  ProcessRow& row = process->row;
  row.start_ticks = who.start_ticks;
  row.parent = Pid{who.parent_pid};
  row.uid = who.uid;
  row.exe = NextText(text);
  row.comm = NextText(text);
  row.cwd = NextText(text);
  row.argv = NextText(text);
  row.runtime = NextText(text);
  row.listen = NextText(text);
  row.start_wall_ns =
      WallNs(static_cast<int64_t>(who.start_ticks) * NsPerTick() - origin_.boot_minus_monotonic_ns);
  row.seen_wall_ns = WallNs(now_ns);
  process->dirty = true;
}

void ProcessTable::OnTask(const RecordView& record) {
  const auto& task = record.as<pinfo_task>();
  if (task.header.pid != task.header.tid) {
    return;  // a thread shares its process's entry
  }
  const Pid child{task.header.pid};
  TrackedProcess& parent = Get(Pid{task.parent_pid});
  // The PROCESS record, where /proc could still be read, completes this; a process too short-lived
  // for it is what its parent was.
  TrackedProcess& process = Add(child, static_cast<int64_t>(task.header.time_ns));
  process.forked_ns = static_cast<int64_t>(task.header.time_ns);
  process.space = parent.space.Fork(child);
  process.python = parent.python;
  process.row.parent = parent.row.pid;
  process.row.exe = parent.row.exe;
  process.row.comm = parent.row.comm;
  process.row.cwd = parent.row.cwd;
  process.row.argv = parent.row.argv;
  process.row.runtime = parent.row.runtime;
  process.row.uid = parent.row.uid;
}

void ProcessTable::OnEnd(TrackedProcess& process, const RecordView& record) {
  process.row.end_wall_ns = WallNs(static_cast<int64_t>(record.header().time_ns));
  process.row.seen_wall_ns = *process.row.end_wall_ns;
  process.row.exit_status = static_cast<int32_t>(record.as<pinfo_exit>().status);
  // It was gone before /proc was read: without a start of its own it would be taken for another one
  // that was as quick and had the same id.
  if (process.row.start_ticks == 0 && process.forked_ns != 0) {
    process.row.start_ticks =
        static_cast<uint64_t>((process.forked_ns + origin_.boot_minus_monotonic_ns) / NsPerTick());
  }
  process.dirty = true;
}

void ProcessTable::OnRecord(const RecordView& record) {
  const Pid pid{record.header().pid};
  switch (record.type()) {
    case PINFO_RECORD_PROCESS:
      OnProcess(record);
      return;
    case PINFO_RECORD_TASK:
      OnTask(record);
      return;
    case PINFO_RECORD_EXEC: {
      TrackedProcess& process = Get(pid);
      process.row.exe = record.text();
      process.space.Clear();
      process.python = {};
      ++process.maps_version;
      ++process.program_version;
      process.dirty = true;
      return;
    }
    case PINFO_RECORD_EXIT:
      if (record.as<pinfo_exit>().process_ended != 0) {
        OnEnd(Get(pid), record);
      }
      return;
    case PINFO_RECORD_MAPPING: {
      TrackedProcess& process = Get(pid);
      process.space.Apply(record.as<pinfo_mapping>(), record.text());
      ++process.maps_version;
      return;
    }
    case PINFO_RECORD_PYTHON_CODE:
      Get(pid).python.Add(record);
      return;
    case PINFO_RECORD_KERNEL_FUNCTION:
    case PINFO_RECORD_CALL:
    case PINFO_RECORD_RECEIVED:
    case PINFO_RECORD_RESPONSE:
    case PINFO_RECORD_EXCHANGE:
    case PINFO_RECORD_CLOSE:
    case PINFO_RECORD_SEGMENT:
    case PINFO_RECORD_SAMPLE:
    case PINFO_RECORD_STATUS:
    case PINFO_RECORD_SYSTEM:
    case PINFO_RECORD_LOSS:
    case PINFO_RECORD_PYTHON:
    case PINFO_RECORD_EXACT:
      return;
  }
}

}  // namespace pinfo

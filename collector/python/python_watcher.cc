#include "collector/python/python_watcher.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <signal.h>

#include "collector/process/proc_reader.h"
#include "collector/python/code_object.h"

namespace pinfo {
namespace {

// Samples of two CPUs may come out of order by less than this; names must come before all of them.
constexpr uint64_t kNamesAheadNs = 1'000'000;

RecordBytes EncodeCode(const PythonCode& code, const pinfo_python_frame& frame,
                       const pinfo_header& sample, uint64_t time_ns) {
  std::string payload;
  payload.append(code.file).push_back('\0');
  payload.append(code.name).push_back('\0');
  pinfo_python_code record{};
  record.text_bytes = static_cast<pinfo_u32>(payload.size());
  record.table_bytes = static_cast<pinfo_u32>(code.line_table.size());
  payload.append(reinterpret_cast<const char*>(code.line_table.data()), code.line_table.size());
  record.header.size = static_cast<pinfo_u32>(sizeof(record) + payload.size());
  record.header.type = PINFO_RECORD_PYTHON_CODE;
  record.header.pid = sample.pid;
  record.header.tid = sample.tid;
  record.header.time_ns = time_ns;
  record.code = frame.code;
  record.identity = frame.identity;
  record.first_line = code.first_line;
  record.version = code.version;
  RecordBytes bytes((record.header.size + 7) / 8);
  std::memcpy(bytes.data(), &record, sizeof(record));
  std::memcpy(reinterpret_cast<char*>(bytes.data()) + sizeof(record), payload.data(),
              payload.size());
  return bytes;
}

Mapping ToMapping(const RecordView& record) {
  const auto& raw = record.as<pinfo_mapping>();
  Mapping mapping;
  mapping.start = raw.start;
  mapping.end = raw.end;
  mapping.file_offset = raw.file_offset;
  mapping.inode = raw.inode;
  mapping.device_major = raw.device_major;
  mapping.device_minor = raw.device_minor;
  mapping.path = record.text();
  return mapping;
}

std::string RootOf(Pid pid) { return "/proc/" + std::to_string(pid.value) + "/root"; }

}  // namespace

void PythonWatcher::Inspect(Pid pid) {
  const auto process = ReadProcessRecord(pid);
  if (!process) {
    return;
  }
  ExecutableMaps maps = ReadExecutableMaps(pid);
  maps.records.insert(maps.records.begin(), *process);
  for (const RecordBytes& bytes : maps.records) {
    const auto record = DecodeRecord(std::as_bytes(std::span(bytes)));
    if (!record) {
      continue;
    }
    if (record->type() == PINFO_RECORD_PROCESS) {
      OnProcess(*record);
    } else {
      OnMapping(*record);
    }
  }
}

void PythonWatcher::OnProcess(const RecordView& record) {
  const std::string_view text = record.text();
  processes_[Pid{record.header().pid}].exe = text.substr(0, text.find('\0'));
}

void PythonWatcher::OnTask(const RecordView& record) {
  const auto& task = record.as<pinfo_task>();
  const Pid child{task.header.pid};
  const auto parent = processes_.find(Pid{task.parent_pid});
  if (task.header.pid != task.header.tid || parent == processes_.end()) {
    return;
  }
  Process copy = parent->second;
  copy.since_ns = task.header.time_ns;
  if (copy.interpreter) {
    publish_(child, &copy.interpreter->layout.walk);  // the parent's may have come after the fork
  }
  processes_.insert_or_assign(child, std::move(copy));
}

void PythonWatcher::OnMapping(const RecordView& record) {
  const Pid pid{record.header().pid};
  const auto it = processes_.find(pid);
  if (it == processes_.end() || it->second.interpreter) {
    return;
  }
  const std::string_view path = record.text();
  const std::string_view name = path.substr(path.find_last_of('/') + 1);
  if (path == it->second.exe || name.find("python") != std::string_view::npos) {
    TryModule(pid, it->second, ToMapping(record));
  }
}

void PythonWatcher::TryModule(Pid pid, Process& process, const Mapping& mapping) {
  const std::shared_ptr<Module> module = modules_.Load(pid, RootOf(pid), mapping);
  if (module == nullptr) {
    return;
  }
  const auto [file, is_new] = files_.try_emplace(module->id());
  if (is_new) {
    file->second = FindInterpreterIn(module->elf());
  }
  const auto address = module->elf().AddressOfOffset(mapping.file_offset);
  if (!file->second || !address) {
    return;
  }
  Result<Interpreter> found =
      LocateInterpreter(*file->second, mapping.start - *address, RemoteMemory(pid));
  if (!found) {
    if (kill(static_cast<pid_t>(pid.value), 0) == 0 || errno != ESRCH) {
      Note(module->path(), found.error().message);
    }
    return;
  }
  process.interpreter = std::move(*found);
  publish_(pid, &process.interpreter->layout.walk);
}

void PythonWatcher::Note(const std::string& path, const std::string& why) {
  std::string note = path + ": " + why;
  if (std::find(notes_.begin(), notes_.end(), note) == notes_.end()) {
    notes_.push_back(std::move(note));
  }
}

void PythonWatcher::OnSample(const RecordView& record, RecordSink& sink) {
  const std::vector<pinfo_python_frame> frames = PythonFramesOf(record);
  if (frames.empty()) {
    return;
  }
  const Pid pid{record.header().pid};
  auto it = processes_.find(pid);
  if (it == processes_.end()) {
    Inspect(pid);  // its sample has overtaken the record of its fork
    it = processes_.find(pid);
  }
  if (it == processes_.end() || !it->second.interpreter) {
    return;
  }
  Process& process = it->second;
  if (process.sent.size() > kCodesRemembered) {
    process.sent.clear();
  }
  const RemoteMemory memory(pid);
  for (const pinfo_python_frame& frame : frames) {
    const CodeKey key{frame.code, frame.identity};
    if (frame.code == 0 || frame.identity == 0 || process.sent.contains(key)) {
      continue;
    }
    if (reads_left_-- <= 0) {
      return;  // the next sample that has it tries again
    }
    process.sent.insert(key);
    const auto code = ReadPythonCode(memory, *process.interpreter, frame.code, frame.identity);
    if (code) {
      const uint64_t time_ns =
          std::max<uint64_t>(record.header().time_ns - kNamesAheadNs, process.since_ns);
      const RecordBytes bytes = EncodeCode(*code, frame, record.header(), time_ns);
      sink.OnRecord(std::as_bytes(std::span(bytes)));
    }
  }
}

void PythonWatcher::OnRecord(const RecordView& record, RecordSink& sink) {
  const Pid pid{record.header().pid};
  switch (record.type()) {
    case PINFO_RECORD_PROCESS:
      OnProcess(record);
      return;
    case PINFO_RECORD_MAPPING:
      OnMapping(record);
      return;
    case PINFO_RECORD_TASK:
      OnTask(record);
      return;
    case PINFO_RECORD_EXEC:
      processes_[pid] = Process{};
      processes_[pid].since_ns = record.header().time_ns;
      publish_(pid, nullptr);
      return;
    case PINFO_RECORD_EXIT:
      if (record.as<pinfo_exit>().process_ended != 0 && processes_.erase(pid) != 0) {
        publish_(pid, nullptr);  // it may have ended before its layout was published
      }
      return;
    case PINFO_RECORD_SAMPLE:
      OnSample(record, sink);
      return;
    case PINFO_RECORD_RECEIVED:
    case PINFO_RECORD_RESPONSE:
    case PINFO_RECORD_EXCHANGE:
    case PINFO_RECORD_CLOSE:
    case PINFO_RECORD_STATUS:
    case PINFO_RECORD_SYSTEM:
    case PINFO_RECORD_LOSS:
    case PINFO_RECORD_PYTHON_CODE:
    case PINFO_RECORD_PYTHON:
    case PINFO_RECORD_EXACT:
    case PINFO_RECORD_SEGMENT:
    case PINFO_RECORD_CALL:
    case PINFO_RECORD_KERNEL_FUNCTION:
      return;
  }
}

}  // namespace pinfo

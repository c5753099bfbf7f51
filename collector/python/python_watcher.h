// Follows the Python interpreters of the processes in a stream: tells the kernel's side where their
// frames lie, and puts a PYTHON_CODE record before the first sample that has a code object.
//
// One thread. Never stops a process. What a hostile process can make it do is bounded: so many
// reads a tick, each of bounded size.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bpf/python_layout.h"
#include "collector/base/ids.h"
#include "collector/python/interpreter.h"
#include "collector/source/record.h"
#include "collector/source/source.h"
#include "collector/stack/module.h"

namespace pinfo {

class PythonWatcher {
 public:
  // Called with the layout of a process's interpreter when it is found, also in a child of fork,
  // and with nullptr when it is gone (exec, the end). The kernel's side does the same on its own at
  // once.
  using Publish = std::function<void(Pid, const pinfo_python_layout*)>;

  explicit PythonWatcher(Publish publish) : publish_(std::move(publish)) {}

  // Looks into a process that is followed from now on, so that its first sample has frames.
  void Inspect(Pid pid);
  // Sees every record before it is handed on. Emits PYTHON_CODE records.
  void OnRecord(const RecordView& record, RecordSink& sink);
  // Allows another round of reading.
  void Tick() { reads_left_ = kReadsPerTick; }

  // One sentence for each interpreter that cannot be read.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  static constexpr int kReadsPerTick = 1'000;
  // Code objects remembered of a process; beyond it all are forgotten and sent again.
  static constexpr size_t kCodesRemembered = 50'000;

  struct CodeKey {
    uint64_t code = 0;
    uint32_t identity = 0;
    friend bool operator==(const CodeKey&, const CodeKey&) = default;
  };
  struct CodeKeyHash {
    size_t operator()(const CodeKey& key) const {
      return key.code ^ uint64_t { key.identity } << 17;
    }
  };
  struct Process {
    std::string exe;
    std::optional<Interpreter> interpreter;
    std::unordered_set<CodeKey, CodeKeyHash> sent;
    uint64_t since_ns = 0;  // no record of it is older
  };

  void OnProcess(const RecordView& record);
  void OnTask(const RecordView& record);
  void OnMapping(const RecordView& record);
  void OnSample(const RecordView& record, RecordSink& sink);
  void TryModule(Pid pid, Process& process, const Mapping& mapping);
  void Note(const std::string& path, const std::string& why);

  Publish publish_;
  ModuleCache modules_;
  std::unordered_map<uint32_t, std::optional<InterpreterFile>> files_;  // by Module::id
  std::unordered_map<Pid, Process> processes_;
  std::vector<std::string> notes_;
  int reads_left_ = kReadsPerTick;
};

}  // namespace pinfo

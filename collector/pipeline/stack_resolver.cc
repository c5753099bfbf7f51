#include "collector/pipeline/stack_resolver.h"

#include <algorithm>
#include <iterator>

#include "collector/pipeline/hooked_call.h"
#include "collector/profile/libraries.h"

namespace pinfo {
namespace {

// Distinct stacks remembered of one process; beyond it all are forgotten and learned again.
constexpr size_t kStacksRemembered = 20'000;

StackCopy CopyOf(const RecordView& record) {
  const auto& sample = record.as<pinfo_sample>();
  StackCopy copy;
  std::copy(std::begin(sample.registers), std::end(sample.registers), copy.registers.begin());
  copy.bytes = StackOf(record);
  copy.truncated = (sample.flags & PINFO_SAMPLE_TRUNCATED) != 0;
  return copy;
}

// No program counter lies at the end of the address space, so this cannot be one.
constexpr uint64_t kPythonFollows = UINT64_MAX;
constexpr uint64_t kKernelFollows = UINT64_MAX - 1;

constexpr const char* kKernelModule = "[kernel]";

FrameRow KernelFrame(std::string function, std::string module) {
  FrameRow frame;
  frame.function = std::move(function);
  frame.module = std::move(module);
  return frame;
}

std::vector<uint64_t> KeyOf(const UnwoundStack& unwound,
                            const std::vector<pinfo_python_frame>& python) {
  std::vector<uint64_t> key = unwound.pcs;
  if (!python.empty()) {
    key.push_back(kPythonFollows);
  }
  for (const pinfo_python_frame& frame : python) {
    key.push_back(frame.code);
    key.push_back(uint64_t{frame.identity} << 32 | frame.instruction);
  }
  return key;
}

}  // namespace

void StackResolver::Forget(const TrackedProcess& process) {
  known_.erase(&process);
  symbolizer_.Forget(process.row.pid);
}

std::shared_ptr<const ResolvedStack> StackResolver::Resolve(const RecordView& record,
                                                            TrackedProcess& process) {
  PerProcess& known = known_[&process];
  if (known.program_version != process.program_version) {
    symbolizer_.Forget(process.row.pid);
    known.program_version = process.program_version;
  }
  const uint64_t code_version = symbolizer_.CodeVersion(process.space);
  if (known.maps_version != process.maps_version || known.code_version != code_version ||
      known.stacks.size() > kStacksRemembered) {
    known.stacks.clear();
    known.maps_version = process.maps_version;
    known.code_version = code_version;
  }
  std::vector<pinfo_python_frame> python = PythonFramesOf(record);
  if (std::all_of(python.begin(), python.end(),
                  [](const auto& frame) { return frame.code == 0; })) {
    python.clear();  // nothing but marks: the thread enters or leaves the interpreter
  }
  UnwoundStack unwound;
  if (python.empty() || native_python_) {
    unwound = unwinder_.Unwind(process.space, CopyOf(record));
  } else {
    unwound.end = StackEnd::kComplete;  // the native stack is not looked at
  }
  const bool cut = (record.as<pinfo_sample>().flags & PINFO_SAMPLE_PYTHON_CUT) != 0;
  if (cut && unwound.end == StackEnd::kComplete) {
    unwound.end = StackEnd::kTooDeep;
  }
  UnwoundStack wait;
  if (unwound.pcs.empty() && !python.empty() &&
      record.as<pinfo_sample>().kind == PINFO_SAMPLE_BLOCKED) {
    wait = unwinder_.Unwind(process.space, CopyOf(record));
  }
  Key key = KeyOf(unwound, python);
  key.insert(key.end(), wait.pcs.begin(), wait.pcs.end());
  const std::vector<uint64_t> kernel = KernelFramesOf(record);
  if (!kernel.empty()) {
    key.push_back(kKernelFollows);
    key.insert(key.end(), kernel.begin(), kernel.end());
  }
  const auto it = known.stacks.find(key);
  if (it != known.stacks.end() && it->second->end == unwound.end) {
    return it->second;
  }
  bool all_known = true;
  auto resolved = std::make_shared<ResolvedStack>(Name(unwound, python, process, all_known));
  if (auto call = WaitCall(wait, process)) {
    resolved->root_first.push_back(std::move(*call));
  }
  if (!kernel.empty()) {
    AddKernel(kernel, resolved->root_first);
  }
  if (all_known) {
    known.stacks[key] = resolved;
  }
  return resolved;
}

void StackResolver::LearnKernelFunction(const RecordView& record) {
  const auto& raw = record.as<pinfo_kernel_function>();
  const std::string_view text = record.text();
  const std::string_view name = text.substr(0, text.find('\0'));
  std::string_view module = text.substr(std::min(name.size() + 1, text.size()));
  module = module.substr(0, module.find('\0'));
  if (raw.begin < raw.end && !name.empty()) {
    kernel_.insert_or_assign(
        raw.end, KernelFunction{std::string(name), std::string(module), raw.begin, raw.end});
  }
}

// Of a thread that left the CPU the stack begins with what took the sample: it is left out, up to
// the scheduler.
void StackResolver::AddKernel(std::span<const uint64_t> innermost_first,
                              std::vector<FrameRow>& root_first) {
  std::vector<FrameRow> frames;
  bool named = false;
  for (size_t i = 0; i < innermost_first.size(); ++i) {
    const uint64_t address = KernelLookupAddress(innermost_first, i);
    const auto at = kernel_.upper_bound(address);
    if (at == kernel_.end() || address < at->second.begin) {
      frames.push_back(KernelFrame(kKernelModule, kKernelModule));
      continue;
    }
    named = true;
    if (at->second.name == "__schedule") {
      frames.clear();
    }
    frames.push_back(KernelFrame(at->second.name + "_[k]", at->second.module));
  }
  if (!named) {
    frames.resize(1);
  }
  std::move(frames.rbegin(), frames.rend(), std::back_inserter(root_first));
}

// The outermost frame in the library that waits, where it is one.
std::optional<FrameRow> StackResolver::WaitCall(const UnwoundStack& unwound,
                                                const TrackedProcess& process) {
  std::optional<FrameRow> call;
  for (size_t i = 0; i < unwound.pcs.size(); ++i) {
    for (const FrameRow& frame : symbolizer_.Symbolize(process.space, unwound.pcs[i], i > 0)) {
      if (!call && IsSystemFunction(frame.function, frame.module)) {
        continue;
      }
      if (call ? frame.module != call->module : !IsLibrary(frame.module)) {
        return call;
      }
      call = frame;
    }
  }
  return call;
}

ResolvedStack StackResolver::Name(const UnwoundStack& unwound,
                                  std::span<const pinfo_python_frame> python,
                                  const TrackedProcess& process, bool& all_known) {
  std::vector<NativeStep> native;
  for (size_t i = 0; i < unwound.pcs.size(); ++i) {
    // Innermost first, inlined functions before the one they are inlined into.
    const auto frames = symbolizer_.Symbolize(process.space, unwound.pcs[i], i > 0);
    native.push_back({{frames.begin(), frames.end()}});
  }
  KeepHookedCalls(native);
  const PythonCodes::Groups groups = process.python.Resolve(python);
  all_known = groups.all_known;
  ResolvedStack resolved;
  resolved.end = unwound.end;
  resolved.root_first =
      MergePythonFrames(native, groups.groups, unwound.end == StackEnd::kComplete);
  std::reverse(resolved.root_first.begin(), resolved.root_first.end());
  return resolved;
}

}  // namespace pinfo

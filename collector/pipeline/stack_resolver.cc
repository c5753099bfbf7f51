#include "collector/pipeline/stack_resolver.h"

#include <algorithm>

namespace pinfo {
namespace {

// Distinct stacks remembered of one process; beyond it all are forgotten and learned again.
constexpr size_t kStacksRemembered = 20'000;

StackCopy CopyOf(const RecordView& record) {
  const auto& sample = record.as<pinfo_sample>();
  StackCopy copy;
  std::copy(std::begin(sample.registers), std::end(sample.registers), copy.registers.begin());
  copy.bytes = record.payload();
  copy.truncated = (sample.flags & PINFO_SAMPLE_TRUNCATED) != 0;
  return copy;
}

}  // namespace

void StackResolver::Forget(const TrackedProcess& process) {
  known_.erase(&process);
  symbolizer_.Forget(process.row.pid);
}

std::shared_ptr<const ResolvedStack> StackResolver::Resolve(const RecordView& record,
                                                            TrackedProcess& process) {
  PerProcess& known = known_[&process];
  if (known.maps_version != process.maps_version || known.stacks.size() > kStacksRemembered) {
    known.stacks.clear();
    symbolizer_.Forget(process.row.pid);
    known.maps_version = process.maps_version;
  }
  UnwoundStack unwound = unwinder_.Unwind(process.space, CopyOf(record));
  const auto it = known.stacks.find(unwound.pcs);
  if (it != known.stacks.end() && it->second->end == unwound.end) {
    return it->second;
  }
  auto resolved = std::make_shared<ResolvedStack>();
  resolved->end = unwound.end;
  for (size_t i = 0; i < unwound.pcs.size(); ++i) {
    // Innermost first, inlined functions before the one they are inlined into.
    for (const FrameRow& frame : symbolizer_.Symbolize(process.space, unwound.pcs[i], i > 0)) {
      resolved->root_first.push_back(frame);
    }
  }
  std::reverse(resolved->root_first.begin(), resolved->root_first.end());
  known.stacks[std::move(unwound.pcs)] = resolved;
  return resolved;
}

}  // namespace pinfo

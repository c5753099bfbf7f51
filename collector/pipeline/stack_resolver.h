// Sample records -> named stacks: unwinds the copied stack, names its frames, remembers both.
// One thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "collector/pipeline/process_table.h"
#include "collector/source/record.h"
#include "collector/stack/symbolizer.h"
#include "collector/stack/unwinder.h"
#include "collector/store/rows.h"

namespace pinfo {

struct ResolvedStack {
  std::vector<FrameRow> root_first;
  StackEnd end = StackEnd::kMissing;
};

class StackResolver {
 public:
  // REQUIRES: a SAMPLE record of this process.
  std::shared_ptr<const ResolvedStack> Resolve(const RecordView& record, TrackedProcess& process);

  // The process's entry goes away.
  void Forget(const TrackedProcess& process);

 private:
  struct PerProcess {
    uint64_t maps_version = 0;
    std::map<std::vector<uint64_t>, std::shared_ptr<const ResolvedStack>> stacks;
  };

  Unwinder unwinder_;
  Symbolizer symbolizer_;
  std::map<const TrackedProcess*, PerProcess> known_;
};

}  // namespace pinfo

#include "collector/pipeline/profile_files.h"

#include "collector/emit/pstats_writer.h"
#include "collector/profile/call_graph.h"
#include "collector/views/profile_builder.h"

namespace pinfo {

CallGraph SampledGraph(const RequestRow& row, const std::vector<Sample>& samples) {
  ProfileBuilder builder;
  std::vector<StackSamples> stacks;
  stacks.reserve(samples.size());
  for (const Sample& sample : samples) {
    StackSamples& stack = stacks.emplace_back();
    for (const FrameRow& frame : sample.stack->root_first) {
      stack.root_first.push_back(builder.AddFrame(frame));
    }
    stack.kind = sample.kind;
    stack.weight = sample.weight;
    stack.duration_ns = sample.duration_ns;
    stack.count = 1;
    stack.incomplete.Add(sample.stack->end);
  }
  builder.Add(TimesOf(row), 1, stacks);
  return BuildCallGraph(builder.Take().tree);
}

Result<std::string> WriteRequestStats(const std::string& directory, const RequestRow& row,
                                      const CallGraph& profile) {
  std::string path = directory + "/" + StatsFileName(row.start_wall_ns, row.method, row.id.value);
  if (Status status = WriteStatsFile(profile, path); !status) {
    return tl::unexpected(status.error());
  }
  return path;
}

}  // namespace pinfo

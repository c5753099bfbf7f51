#include <algorithm>
#include <map>
#include <string>

#include <fmt/format.h>

#include "bpf/wire.h"
#include "collector/store/reader_queries.h"
#include "collector/store/stack_loader.h"

namespace pinfo::sqlite {
namespace {

std::string StatusOf(const RequestRow& row) {
  return row.status != 0 ? std::to_string(row.status) : OutcomeName(row.outcome);
}

// Both kinds of samples are recorded at their end. An on-CPU sample stands for the time since the
// sample or wait before it on its thread, at most its period.
void ClipSamples(Timeline& timeline) {
  std::map<uint32_t, int64_t> known_until;
  for (TimelineSample& sample : timeline.samples) {
    sample.end_ns = std::clamp<int64_t>(sample.end_ns, 0, timeline.latency_ns);
    sample.begin_ns = std::clamp<int64_t>(sample.begin_ns, 0, sample.end_ns);
    int64_t& until = known_until[sample.tid];
    if (sample.kind == TimeKind::kOnCpu) {
      sample.begin_ns = std::clamp(sample.begin_ns, std::min(until, sample.end_ns), sample.end_ns);
    }
    until = sample.end_ns;
  }
}

}  // namespace

Result<Timeline> LoadTimeline(Database& database, RequestId id) {
  const Result<std::optional<RequestRow>> found = FindRequest(database, id);
  if (!found) {
    return tl::unexpected(found.error());
  }
  if (!*found) {
    return Fail(fmt::format("there is no request {} in {}", id.value, database.Path()));
  }
  const RequestRow& row = **found;
  Timeline timeline;
  timeline.name = row.method + " " + row.target;
  timeline.request_id = id.value;
  timeline.pid = row.pid.value;
  timeline.tid = row.tid.value;
  timeline.start_wall_ns = row.start_wall_ns;
  timeline.latency_ns = std::max<int64_t>(row.latency_ns, 0);
  timeline.queue_ns = row.queue_ns;
  timeline.first_byte_ns = row.first_byte_ns;
  timeline.status = StatusOf(row);
  ProfileBuilder builder;
  StackLoader stacks(builder);
  Status status = stacks.Prepare(database);
  Status loaded;
  if (status) {
    status = ForEachRow(
        database, "SELECT comm FROM process WHERE id = ?1",
        [&](const Statement& process) {
          timeline.process = process.Text(0);
          return false;
        },
        row.process.value);
  }
  if (status) {
    status = ForEachRow(
        database,
        "SELECT wall_ns, duration_ns, kind, tid, stack_id FROM sample WHERE request_id = ?1"
        " ORDER BY wall_ns, id",
        [&](const Statement& sample) {
          Result<std::vector<CallTree::Frame>> stack = stacks.Load(sample.Int(4));
          if (!stack) {
            loaded = tl::unexpected(stack.error());
            return false;
          }
          const int64_t end_ns = sample.Int(0) - row.start_wall_ns;
          timeline.samples.push_back({.begin_ns = end_ns - std::max<int64_t>(sample.Int(1), 0),
                                      .end_ns = end_ns,
                                      .kind = sample.Int(2) == PINFO_SAMPLE_BLOCKED
                                                  ? TimeKind::kBlocked
                                                  : TimeKind::kOnCpu,
                                      .tid = static_cast<uint32_t>(sample.Int(3)),
                                      .root_first = std::move(*stack)});
          return true;
        },
        id.value);
  }
  for (const Status& each : {status, loaded}) {
    if (!each) {
      return tl::unexpected(each.error());
    }
  }
  ClipSamples(timeline);
  timeline.tree = builder.Take().tree;
  return timeline;
}

}  // namespace pinfo::sqlite

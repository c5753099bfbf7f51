#include "collector/store/request_detail.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "bpf/wire.h"
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

Timeline TimelineOf(const RequestRow& row) {
  Timeline timeline;
  timeline.name = row.method + " " + row.target;
  timeline.request_id = row.id.value;
  timeline.pid = row.pid.value;
  timeline.tid = row.tid.value;
  timeline.start_wall_ns = row.start_wall_ns;
  timeline.latency_ns = std::max<int64_t>(row.latency_ns, 0);
  timeline.queue_ns = row.queue_ns;
  timeline.first_byte_ns = row.first_byte_ns;
  timeline.status = StatusOf(row);
  return timeline;
}

}  // namespace

Status DetailLoader::Prepare(Database& database) {
  Status status = database.Prepare(
      {{&samples_,
        "SELECT wall_ns, duration_ns, kind, tid, stack_id, weight, stack_end FROM sample"
        " WHERE request_id = ?1 ORDER BY wall_ns, id"},
       {&calls_,
        "SELECT peer.text, c.calls, c.waited_ns FROM request_call c"
        " JOIN word peer ON peer.id = c.peer_id WHERE c.request_id = ?1"
        " ORDER BY c.waited_ns DESC, peer.text"},
       {&call_spans_,
        "SELECT peer.text, c.tid, c.begin_ns, c.end_ns, c.calls, c.waited_ns"
        " FROM request_call_span c JOIN word peer ON peer.id = c.peer_id WHERE c.request_id = ?1"
        " ORDER BY c.begin_ns, c.position"},
       {&headers_,
        "SELECT name.text, h.value FROM request_header h JOIN word name ON name.id = h.name_id"
        " WHERE h.request_id = ?1 ORDER BY h.position"},
       {&name_, "SELECT comm FROM process WHERE id = ?1"}});
  return status ? trie_.Prepare(database) : status;
}

Result<RequestDetail> DetailLoader::Load(const RequestRow& row) {
  RequestDetail detail;
  detail.timeline = TimelineOf(row);
  Result<std::string> name = NameOf(row.process);
  if (!name) {
    return tl::unexpected(name.error());
  }
  detail.timeline.process = std::move(*name);
  if (Status status = LoadSamples(row, detail); !status) {
    return tl::unexpected(status.error());
  }
  Result<std::vector<CallRow>> calls = LoadCalls(row.id);
  if (!calls) {
    return tl::unexpected(calls.error());
  }
  detail.calls = std::move(*calls);
  Status status = LoadCallSpans(row.id, detail.timeline.calls);
  if (status) {
    status = LoadHeaders(row.id, detail.headers);
  }
  if (!status) {
    return tl::unexpected(status.error());
  }
  return detail;
}

Status DetailLoader::LoadSamples(const RequestRow& row, RequestDetail& detail) {
  ProfileBuilder builder;
  StackLoader stacks(trie_, builder);
  // By stack, kind and how it ended, as often as it was sampled.
  std::map<std::tuple<int64_t, int64_t, int64_t>, StackSamples> pooled;
  samples_.Bind(row.id.value);
  while (true) {
    const Result<bool> sample = samples_.Step();
    if (!sample) {
      return tl::unexpected(sample.error());
    }
    if (!*sample) {
      break;
    }
    const int64_t kind = samples_.Int(2);
    const int64_t stack_id = samples_.Int(4);
    Result<std::vector<CallTree::Frame>> stack = stacks.Load(stack_id);
    if (!stack) {
      samples_.Reset();
      return tl::unexpected(stack.error());
    }
    const int64_t end_ns = samples_.Int(0) - row.start_wall_ns;
    const int64_t duration_ns = samples_.Int(1);
    StackSamples& pool = pooled[{stack_id, kind, samples_.Int(6)}];
    if (pool.count == 0) {
      pool.root_first = *stack;
      pool.kind = static_cast<uint8_t>(kind);
    }
    pool.weight += samples_.Int(5);
    pool.duration_ns += duration_ns;
    ++pool.count;
    pool.incomplete.Add(static_cast<StackEnd>(samples_.Int(6)), 1);
    detail.timeline.samples.push_back(
        {.begin_ns = end_ns - std::max<int64_t>(duration_ns, 0),
         .end_ns = end_ns,
         .kind = kind == PINFO_SAMPLE_BLOCKED ? TimeKind::kBlocked : TimeKind::kOnCpu,
         .tid = static_cast<uint32_t>(samples_.Int(3)),
         .root_first = std::move(*stack)});
  }
  ClipSamples(detail.timeline);
  std::vector<StackSamples> samples;
  samples.reserve(pooled.size());
  for (auto& [key, pool] : pooled) {
    samples.push_back(std::move(pool));
  }
  builder.Add(TimesOf(row), 1, samples);
  detail.profile = builder.Take();
  detail.timeline.functions = detail.profile.tree.functions();
  return {};
}

Result<std::vector<CallRow>> DetailLoader::LoadCalls(RequestId id) {
  std::vector<CallRow> rows;
  calls_.Bind(id.value);
  while (true) {
    const Result<bool> row = calls_.Step();
    if (!row) {
      return tl::unexpected(row.error());
    }
    if (!*row) {
      return rows;
    }
    rows.push_back(
        {.peer = std::string(calls_.Text(0)), .calls = calls_.Int(1), .waited_ns = calls_.Int(2)});
  }
}

Status DetailLoader::LoadCallSpans(RequestId id, std::vector<TimelineCall>& calls) {
  call_spans_.Bind(id.value);
  while (true) {
    const Result<bool> row = call_spans_.Step();
    if (!row || !*row) {
      return row ? Status() : tl::unexpected(row.error());
    }
    calls.push_back({.begin_ns = call_spans_.Int(2),
                     .end_ns = call_spans_.Int(3),
                     .tid = static_cast<uint32_t>(call_spans_.Int(1)),
                     .peer = std::string(call_spans_.Text(0)),
                     .calls = call_spans_.Int(4),
                     .waited_ns = call_spans_.Int(5)});
  }
}

Status DetailLoader::LoadHeaders(RequestId id, std::vector<HeaderRow>& headers) {
  headers_.Bind(id.value);
  while (true) {
    const Result<bool> row = headers_.Step();
    if (!row || !*row) {
      return row ? Status() : tl::unexpected(row.error());
    }
    headers.push_back(
        {.name = std::string(headers_.Text(0)), .value = std::string(headers_.Text(1))});
  }
}

Result<std::string> DetailLoader::NameOf(ProcessId process) {
  if (const auto it = names_.find(process.value); it != names_.end()) {
    return it->second;
  }
  name_.Bind(process.value);
  const Result<bool> row = name_.Step();
  if (!row) {
    return tl::unexpected(row.error());
  }
  std::string name(*row ? name_.Text(0) : "");
  name_.Reset();
  return names_[process.value] = std::move(name);
}

}  // namespace pinfo::sqlite

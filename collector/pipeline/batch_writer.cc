#include "collector/pipeline/batch_writer.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace pinfo {
namespace {

constexpr int64_t kIdsReservedAtOnce = 10'000;
// Rows kept in memory while the database cannot be written.
constexpr size_t kPendingRowsMax = 200'000;
// Room for so many is kept from batch to batch.
constexpr size_t kKeptRequests = 20'000;

}  // namespace

BatchWriter::BatchWriter(Store& store, ProcessTable& processes)
    : store_(store), processes_(processes) {}

Status BatchWriter::ReserveIds(int64_t count) {
  for (const RequestIdRange& range : ids_) {
    count -= range.count;
  }
  if (count <= 0) {
    return {};
  }
  Result<RequestIdRange> range = store_.ReserveRequestIds(std::max(count, kIdsReservedAtOnce));
  if (!range) {
    return tl::unexpected(range.error());
  }
  ids_.push_back(*range);
  return {};
}

RequestId BatchWriter::NextRequestId() {
  RequestIdRange& range = ids_.front();
  const RequestId id{range.first++};
  if (--range.count == 0) {
    ids_.pop_front();
  }
  return id;
}

void BatchWriter::AddRequests(std::vector<RequestEntry>& entries) {
  if (requests_.empty()) {
    requests_.swap(entries);
    return;
  }
  requests_.insert(requests_.end(), std::make_move_iterator(entries.begin()),
                   std::make_move_iterator(entries.end()));
  entries.clear();
}

void BatchWriter::AddUnattributed(std::vector<Sample> samples) {
  unattributed_.insert(unattributed_.end(), std::make_move_iterator(samples.begin()),
                       std::make_move_iterator(samples.end()));
}

void BatchWriter::AddStatus(StatusEntry entry) { statuses_.push_back(std::move(entry)); }

Status BatchWriter::Commit(SessionRow& session) {
  Status status = store_.Begin();
  if (status) {
    const Result<int64_t> session_id = WriteBatch(session);
    status = session_id ? store_.Commit() : tl::unexpected(session_id.error());
    if (status) {
      session.id = *session_id;  // not before: a batch rolled back has no session
    } else {
      store_.Rollback();
    }
  }
  if (!status) {
    GiveUpBeyondBound();
    return status;
  }
  for (TrackedProcess& process : processes_.all()) {
    process.dirty = false;
    process.sites.Clear();
  }
  host_stored_ = true;
  requests_.clear();
  if (requests_.capacity() > kKeptRequests) {
    requests_.shrink_to_fit();
  }
  unattributed_.clear();
  statuses_.clear();
  systems_.clear();
  minutes_.Clear();
  return {};
}

Result<int64_t> BatchWriter::WriteBatch(const SessionRow& session) {
  for (TrackedProcess& process : processes_.all()) {
    if (!process.dirty) {
      continue;
    }
    Result<ProcessId> id = store_.PutProcess(process.row);
    if (!id) {
      return tl::unexpected(id.error());
    }
    process.row.id = *id;
  }
  if (Status status = WriteServedSites(); !status) {
    return tl::unexpected(status.error());
  }
  for (StatusEntry& entry : statuses_) {
    entry.row.process = entry.process->row.id;
    if (Status status = store_.AddStatus(entry.row); !status) {
      return tl::unexpected(status.error());
    }
  }
  for (const SystemRow& row : systems_) {
    if (Status status = store_.AddSystem(row); !status) {
      return tl::unexpected(status.error());
    }
  }
  for (RequestEntry& entry : requests_) {
    entry.row.process = entry.process->row.id;
    if (entry.keep_row) {
      if (Status status = store_.AddRequest(entry.row); !status) {
        return tl::unexpected(status.error());
      }
      if (!entry.calls.empty()) {
        if (Status status = store_.AddCalls(entry.row.id, entry.calls); !status) {
          return tl::unexpected(status.error());
        }
      }
      if (entry.row.profiled && entry.extras != nullptr) {
        if (Status status = store_.AddExtras(entry.row.id, *entry.extras); !status) {
          return tl::unexpected(status.error());
        }
      }
    }
    for (const Sample& sample : entry.samples) {
      if (Status status = WriteSample(sample, &entry.row, entry.keep_row); !status) {
        return tl::unexpected(status.error());
      }
    }
  }
  for (const Sample& sample : unattributed_) {
    if (Status status = WriteSample(sample, nullptr, false); !status) {
      return tl::unexpected(status.error());
    }
  }
  for (const MinuteRow& row : minutes_.Rows()) {
    if (Status status = store_.AddMinute(row); !status) {
      return tl::unexpected(status.error());
    }
  }
  return store_.PutSession(session);
}

Status BatchWriter::WriteServedSites() {
  if (!host_stored_) {
    if (Status status = store_.PutHost(processes_.DescribeHost()); !status) {
      return status;
    }
  }
  for (const TrackedProcess& process : processes_.all()) {
    for (const ProcessSiteRow& row : process.sites.Rows(process.row.id)) {
      if (Status status = store_.AddProcessSite(row); !status) {
        return status;
      }
    }
  }
  return {};
}

Status BatchWriter::WriteSample(const Sample& sample, const RequestRow* request, bool row_kept) {
  Result<StackId> stack = store_.InternStack(sample.stack->root_first);
  if (!stack) {
    return tl::unexpected(stack.error());
  }
  SampleRow row;
  row.wall_ns = processes_.WallNs(sample.time_ns);
  row.process = sample.process->row.id;
  row.tid = sample.tid;
  row.stack = *stack;
  row.kind = sample.kind;
  row.weight = sample.weight;
  row.duration_ns = sample.duration_ns;
  row.end = sample.stack->end;
  if (request != nullptr) {
    row.route = request->route;
    row.site = request->site;
    if (row_kept) {
      row.request = request->id;
    }
  }
  return store_.AddSample(row);
}

void BatchWriter::GiveUpRequests() {
  given_up_.requests += static_cast<int64_t>(requests_.size());
  for (const RequestEntry& entry : requests_) {
    given_up_.samples += static_cast<int64_t>(entry.samples.size());
  }
  requests_.clear();
}

void BatchWriter::GiveUpBeyondBound() {
  if (requests_.size() > kPendingRowsMax) {
    GiveUpRequests();
  }
  if (unattributed_.size() > kPendingRowsMax) {
    given_up_.samples += static_cast<int64_t>(std::exchange(unattributed_, {}).size());
  }
  if (statuses_.size() > kPendingRowsMax) {
    given_up_.statuses += static_cast<int64_t>(std::exchange(statuses_, {}).size());
  }
  if (systems_.size() > kPendingRowsMax) {
    given_up_.statuses += static_cast<int64_t>(std::exchange(systems_, {}).size());
  }
}

void BatchWriter::GiveUpAll() {
  GiveUpRequests();
  given_up_.samples += static_cast<int64_t>(std::exchange(unattributed_, {}).size());
  given_up_.statuses += static_cast<int64_t>(std::exchange(statuses_, {}).size());
  given_up_.statuses += static_cast<int64_t>(std::exchange(systems_, {}).size());
}

}  // namespace pinfo

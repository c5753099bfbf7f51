// A store that only remembers, and fails when told to.
#pragma once

#include <span>
#include <vector>

#include "collector/store/store.h"

namespace pinfo {

class RememberingStore : public Store {
 public:
  Status Begin() override {
    if (begins_to_fail > 0) {
      --begins_to_fail;
      return Fail("database is locked");
    }
    return {};
  }
  Status Commit() override {
    if (commits_to_fail > 0) {
      --commits_to_fail;
      return Fail("database or disk is full");
    }
    return {};
  }
  void Rollback() override {
    requests.clear();
    ++rollbacks;
  }
  Result<ProcessId> PutProcess(const ProcessRow& row) override {
    processes.push_back(row);
    return ProcessId{static_cast<int64_t>(row.pid.value)};
  }
  Status AddStatus(const StatusRow&) override { return {}; }
  Status AddSystem(const SystemRow& row) override {
    systems.push_back(row);
    return {};
  }
  Status AddProcessSite(const ProcessSiteRow& row) override {
    process_sites.push_back(row);
    return {};
  }
  Status PutHost(const HostRow& row) override {
    hosts.push_back(row);
    return {};
  }
  Result<RequestIdRange> ReserveRequestIds(int64_t count) override {
    next_id += count;
    return RequestIdRange{next_id - count, count};
  }
  Status AddRequest(const RequestRow& row) override {
    requests.push_back(row);
    return {};
  }
  Status AddCalls(RequestId, std::span<const CallRow> rows) override {
    calls.insert(calls.end(), rows.begin(), rows.end());
    return {};
  }
  Status AddExtras(RequestId, const RequestExtras& extras) override {
    headers.insert(headers.end(), extras.headers.begin(), extras.headers.end());
    return {};
  }
  Result<StackId> InternStack(std::span<const FrameRow>) override { return StackId{1}; }
  Status AddSample(const SampleRow& row) override {
    samples.push_back(row);
    return {};
  }
  Status AddMinute(const MinuteRow& row) override {
    minutes.push_back(row);
    return {};
  }
  Result<int64_t> PutSession(const SessionRow& row) override {
    session = row;
    return 1;
  }
  Result<Settled> Settle() override {
    ++settles;
    return Settled{};
  }
  Result<std::optional<int64_t>> OldestUnsettledWallNs() override { return std::nullopt; }
  Result<int64_t> Retain(int64_t, const RetentionLimits&) override { return 0; }
  Result<bool> IsNearlyFull(const RetentionLimits&) override { return false; }

  int begins_to_fail = 0;
  int commits_to_fail = 0;
  int rollbacks = 0;
  int settles = 0;
  int64_t next_id = 1;
  std::vector<ProcessRow> processes;
  std::vector<RequestRow> requests;
  std::vector<SystemRow> systems;
  std::vector<ProcessSiteRow> process_sites;
  std::vector<HostRow> hosts;
  std::vector<CallRow> calls;
  std::vector<HeaderRow> headers;
  std::vector<SampleRow> samples;
  std::vector<MinuteRow> minutes;
  SessionRow session;
};

}  // namespace pinfo

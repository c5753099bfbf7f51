#include "collector/monitor/record.h"

#include <algorithm>

#include "collector/notify/decide.h"
#include "collector/notify/queue.h"

namespace pinfo {
namespace {

constexpr const char* kDigestFigure = "digest_day";

class Recorder {
 public:
  Recorder(const Configuration& configuration, int64_t now_wall_ns, MonitorStore& store)
      : configuration_(configuration), now_wall_ns_(now_wall_ns), store_(store) {}

  Status Advance(const std::vector<Finding>& findings) {
    Result<std::map<std::string, MonitorRow>> before = store_.Monitors();
    if (!before) {
      return tl::unexpected(before.error());
    }
    for (size_t i = 0; i < configuration_.monitors.size(); ++i) {
      const MonitorSettings& monitor = configuration_.monitors[i];
      const auto old = before->find(monitor.name);
      if (findings[i].not_yet) {  // as before, where there is a before
        if (old != before->end()) {
          recorded_.monitors.insert(before->extract(old));
        }
        continue;
      }
      bool changed = false;
      MonitorRow row = pinfo::Advance(monitor, old == before->end() ? nullptr : &old->second,
                                      findings[i], now_wall_ns_, &changed);
      Status status = store_.Put(row);
      if (status && changed) {
        status = store_.AddChange({.name = row.name,
                                   .wall_ns = now_wall_ns_,
                                   .level = row.level,
                                   .value = row.value,
                                   .text = row.text});
      }
      if (!status) {
        return status;
      }
      if (old != before->end()) {
        before->erase(old);
      }
      recorded_.monitors.emplace(row.name, std::move(row));
    }
    for (const auto& [name, row] : *before) {
      if (Status status = store_.Remove(name); !status) {
        return status;
      }
    }
    return {};
  }

  Status Notify() {
    const Result<NotifiedMap> notified = store_.AllNotified();
    if (!notified) {
      return tl::unexpected(notified.error());
    }
    for (const InstantDecision& decision :
         DecideInstant(configuration_, recorded_.monitors, *notified, now_wall_ns_)) {
      if (Status status = Tell(decision); !status) {
        return status;
      }
    }
    return {};
  }

  Recorded&& recorded() && { return std::move(recorded_); }

 private:
  Status Tell(const InstantDecision& decision) {
    for (const bool bad : {true, false}) {
      const std::vector<MonitorRow>& rows = bad ? decision.not_fine : decision.fine_again;
      if (rows.empty()) {
        continue;
      }
      const Message message =
          bad ? InstantMessage(rows, now_wall_ns_) : RecoveryMessage(rows, now_wall_ns_);
      Status status = Enqueue(configuration_, decision.person, message, now_wall_ns_, store_);
      for (const MonitorRow& row : rows) {
        if (status) {
          status = bad ? store_.PutNotified(decision.person, row.name,
                                            {.wall_ns = now_wall_ns_, .level = row.level})
                       : store_.EraseNotified(decision.person, row.name);
        }
      }
      if (!status) {
        return status;
      }
      ++recorded_.messages;
    }
    return {};
  }

  const Configuration& configuration_;
  const int64_t now_wall_ns_;
  MonitorStore& store_;
  Recorded recorded_;
};

}  // namespace

std::vector<Finding> EvaluateAll(const Configuration& configuration, MonitorInputs& inputs) {
  std::vector<Finding> findings;
  findings.reserve(configuration.monitors.size());
  for (const MonitorSettings& monitor : configuration.monitors) {
    findings.push_back(Evaluate(monitor, inputs));
  }
  return findings;
}

Result<Recorded> RecordFindings(const Configuration& configuration,
                                const std::vector<Finding>& findings, int64_t now_wall_ns,
                                MonitorStore& store) {
  if (Status status = store.Begin(); !status) {
    return tl::unexpected(status.error());
  }
  Recorder recorder(configuration, now_wall_ns, store);
  Status status = recorder.Advance(findings);
  if (status) {
    status = recorder.Notify();
  }
  if (status) {
    status = store.Commit();
  }
  if (!status) {
    store.Rollback();
    return tl::unexpected(status.error());
  }
  return std::move(recorder).recorded();
}

Result<int64_t> QueueDigests(const Configuration& configuration, std::optional<int64_t> day,
                             int64_t now_wall_ns, MonitorStore& store) {
  if (Status status = store.Begin(); !status) {
    return tl::unexpected(status.error());
  }
  int64_t queued = 0;
  const auto write = [&]() -> Status {
    if (day) {
      const Result<bool> first = store.Raise(kDigestFigure, *day);
      if (!first) {
        return tl::unexpected(first.error());
      }
      if (!*first) {
        return {};
      }
    }
    const Result<std::map<std::string, MonitorRow>> monitors = store.Monitors();
    if (!monitors) {
      return tl::unexpected(monitors.error());
    }
    for (const auto& [person, rows] : DecideDigest(configuration, *monitors)) {
      const Status status =
          Enqueue(configuration, person, DigestMessage(rows, now_wall_ns), now_wall_ns, store);
      if (!status) {
        return status;
      }
      ++queued;
    }
    return {};
  };
  Status status = write();
  if (status) {
    status = store.Commit();
  }
  if (!status) {
    store.Rollback();
    return tl::unexpected(status.error());
  }
  return queued;
}

}  // namespace pinfo

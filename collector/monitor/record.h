// What an evaluation found, written down: the monitors' states and history, and the messages that
// follow from them, in one batch. So no message is lost or sent twice, however many collectors
// evaluate the same monitors, and whenever one is ended.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/config/configuration.h"
#include "collector/monitor/evaluate.h"
#include "collector/store/monitor_store.h"

namespace pinfo {

struct Recorded {
  std::map<std::string, MonitorRow> monitors;
  int64_t messages = 0;  // put into the queue
};

// findings: one for each monitor of the configuration, in its order. Monitors that are not in it
// any more are removed.
Result<Recorded> RecordFindings(const Configuration& configuration,
                                const std::vector<Finding>& findings, int64_t now_wall_ns,
                                MonitorStore& store);

// Queues a digest for everybody who wants one and has something to read. day: of whose digest this
// is; nothing is done where that day's was made already. nullopt: make it in any case. Returns how
// many.
Result<int64_t> QueueDigests(const Configuration& configuration, std::optional<int64_t> day,
                             int64_t now_wall_ns, MonitorStore& store);

// All monitors looked at once.
std::vector<Finding> EvaluateAll(const Configuration& configuration, MonitorInputs& inputs);

}  // namespace pinfo

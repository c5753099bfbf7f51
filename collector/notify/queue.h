// Messages on their way: put into the database with what they are about, sent from there, tried
// again where that failed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "collector/base/result.h"
#include "collector/config/configuration.h"
#include "collector/notify/message.h"
#include "collector/store/monitor_store.h"

namespace pinfo {

// Puts the message into the queue, once for each channel of the person. REQUIRES an open batch.
Status Enqueue(const Configuration& configuration, const std::string& person,
               const Message& message, int64_t now_wall_ns, MonitorStore& store);

struct DeliveryReport {
  int64_t sent = 0;
  std::vector<std::string> errors;  // of what was not sent: "ann by mail: ..."
};

// Sends what is due, one after the other, and notes what came of it. What failed is due again after
// a minute, then two, four, up to an hour; it is given up after a week, or once its person is not
// in the configuration any more. now: the wall clock. stop: ends it early; what was not tried stays
// due.
Result<DeliveryReport> DeliverDue(const Configuration& configuration, MonitorStore& store,
                                  const std::function<int64_t()>& now,
                                  const std::atomic<bool>* stop);

// When a message that has failed so often is tried again.
int64_t RetryDelayNs(int64_t attempts);

}  // namespace pinfo

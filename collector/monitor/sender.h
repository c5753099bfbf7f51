// Sends queued messages on a thread of its own, so that a mail server that hangs delays nothing
// else.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "collector/base/result.h"
#include "collector/config/configuration.h"
#include "collector/store/monitor_store.h"

namespace pinfo {

class Sender {
 public:
  // tell: says a sentence to whoever runs the collector, by the sender's thread.
  static Result<std::unique_ptr<Sender>> Start(const std::string& database,
                                               std::function<void(const std::string&)> tell);
  // Ends an attempt that is under way; what was not sent stays in the queue.
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void SetConfiguration(Configuration configuration);
  // There is something new to be sent.
  void Wake();

 private:
  Sender() = default;
  void Run();

  std::unique_ptr<MonitorStore> store_;
  std::function<void(const std::string&)> tell_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const Configuration> configuration_;
  bool woken_ = false;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace pinfo

// What a collector does beside collecting: own metrics, monitors, messages. It has threads and
// database connections of its own, so that nothing of it makes the pipeline wait.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "collector/base/result.h"
#include "collector/config/configuration.h"
#include "collector/metric/metric_collector.h"
#include "collector/monitor/check_runner.h"
#include "collector/monitor/inputs.h"
#include "collector/monitor/sender.h"
#include "collector/store/monitor_store.h"
#include "collector/store/rows.h"

namespace pinfo {

struct MonitoringOptions {
  std::string database;
  // Reads the configuration anew; called by the service's thread.
  std::function<Result<Configuration>()> load;
  // Where set, the configuration is to be read anew. The service sets it back.
  std::atomic<bool>* reload_requested = nullptr;
  // Says a sentence to whoever runs the collector; called by any of its threads.
  std::function<void(const std::string&)> tell;
};

class MonitoringService {
 public:
  // Fails where the database cannot be written, or StatsD not be listened for.
  static Result<std::unique_ptr<MonitoringService>> Start(MonitoringOptions options,
                                                          Configuration configuration);
  // Stores what was gathered, ends every thread.
  ~MonitoringService();
  MonitoringService(const MonitoringService&) = delete;
  MonitoringService& operator=(const MonitoringService&) = delete;

  // Shows it a request; by the pipeline's thread.
  void Observe(const RequestRow& row) { metrics_.Observe(row); }
  // Of StatsD over UDP, as it was at the start; empty where there is none.
  [[nodiscard]] const std::string& statsd_address() const { return statsd_address_; }

 private:
  MonitoringService(MonitoringOptions options, Configuration configuration);
  Status Open();
  void Run();
  // Returns what could not be done of it.
  std::vector<std::string> Apply();
  void Reload();
  void FlushMetrics(bool all);
  void EvaluateMonitors();
  void QueueDigestsOfToday();
  void Retain();
  void OnCheck(const std::string& key, const CheckResult& result);
  // Says it unless it was the last thing said on this subject.
  void TellOnce(std::string& said, const std::string& what);

  const MonitoringOptions options_;
  Configuration configuration_;  // of the service's thread
  MetricCollector metrics_;
  std::unique_ptr<MetricStore> metric_store_;
  std::unique_ptr<MonitorStore> monitor_store_;
  RequestTimes request_times_;
  int64_t digest_day_ = 0;  // of the last digest that is known to have been made
  std::unique_ptr<Sender> sender_;
  std::string monitors_said_;
  std::string statsd_address_;
  std::string metrics_said_;
  std::mutex check_mutex_;
  std::map<std::string, std::string> check_said_;
  std::map<std::string, MetricKind> check_kinds_;  // of metrics by queries and commands
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
  std::unique_ptr<CheckRunner> checks_;  // first to end: it calls the others
};

}  // namespace pinfo

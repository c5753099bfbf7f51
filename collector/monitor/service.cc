#include "collector/monitor/service.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include <fmt/format.h>

#include "collector/base/wall_clock.h"
#include "collector/monitor/record.h"

namespace pinfo {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kFirstEvaluation = std::chrono::seconds(2);
constexpr auto kTick = std::chrono::milliseconds(200);
constexpr auto kRetainEvery = std::chrono::minutes(10);
constexpr int64_t kMinutesKeptS = int64_t{14} * 86'400;
constexpr int64_t kHoursKeptS = int64_t{400} * 86'400;
constexpr int64_t kRetainRows = 5'000;  // a batch: other writers wait this long

}  // namespace

MonitoringService::MonitoringService(MonitoringOptions options, Configuration configuration)
    : options_(std::move(options)),
      configuration_(std::move(configuration)),
      metrics_(configuration_),
      checks_(std::make_unique<CheckRunner>(
          options_.database,
          [this](const std::string& key, const CheckResult& result) { OnCheck(key, result); })) {}

Result<std::unique_ptr<MonitoringService>> MonitoringService::Start(MonitoringOptions options,
                                                                    Configuration configuration) {
  std::unique_ptr<MonitoringService> service(
      new MonitoringService(std::move(options), std::move(configuration)));
  if (Status status = service->Open(); !status) {
    return tl::unexpected(status.error());
  }
  service->thread_ = std::thread([raw = service.get()] { raw->Run(); });
  return service;
}

Status MonitoringService::Open() {
  Result<std::unique_ptr<MetricStore>> store = OpenMetricStore(options_.database);
  if (!store) {
    return tl::unexpected(store.error());
  }
  metric_store_ = std::move(*store);
  Result<std::unique_ptr<MonitorStore>> monitors = OpenMonitorStore(options_.database);
  if (!monitors) {
    return tl::unexpected(monitors.error());
  }
  monitor_store_ = std::move(*monitors);
  Result<std::unique_ptr<Sender>> sender = Sender::Start(options_.database, options_.tell);
  if (!sender) {
    return tl::unexpected(sender.error());
  }
  sender_ = std::move(*sender);
  const std::vector<std::string> notes = Apply();
  if (metrics_.statsd_failed()) {
    return Fail(notes.front());
  }
  for (const std::string& note : notes) {
    options_.tell(note);
  }
  statsd_address_ = metrics_.statsd_address();
  return {};
}

MonitoringService::~MonitoringService() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
  checks_.reset();
  sender_.reset();
  if (metric_store_) {
    FlushMetrics(/*all=*/true);
  }
}

// What the configuration asks for, at the start and when it was read anew.
std::vector<std::string> MonitoringService::Apply() {
  std::vector<std::string> notes = metrics_.Apply(configuration_);
  std::vector<CheckTask> tasks = TasksOfMetrics(configuration_);
  {
    const std::lock_guard lock(check_mutex_);
    check_kinds_.clear();
    for (const MetricSettings& metric : configuration_.metrics) {
      check_kinds_[metric.name] = metric.kind;
    }
  }
  for (CheckTask& task : TasksOfMonitors(configuration_)) {
    tasks.push_back(std::move(task));
  }
  checks_->SetTasks(tasks);
  sender_->SetConfiguration(configuration_);
  return notes;
}

void MonitoringService::Reload() {
  Result<Configuration> configuration = options_.load();
  if (!configuration) {
    options_.tell("the configuration was not read anew, the old one stays in force:\n" +
                  configuration.error().message);
    return;
  }
  configuration_ = std::move(*configuration);
  for (const std::string& note : Apply()) {
    options_.tell(note);
  }
  options_.tell("the configuration was read anew");
}

// By the runner's threads. A metric whose check fails has no value then; why is said once.
void MonitoringService::OnCheck(const std::string& key, const CheckResult& result) {
  if (!key.starts_with(kMetricKey)) {
    return;
  }
  const std::string metric = key.substr(kMetricKey.size());
  const std::lock_guard lock(check_mutex_);
  const auto kind = check_kinds_.find(metric);
  if (kind == check_kinds_.end()) {
    return;
  }
  std::string error = result.error;
  if (error.empty() && result.exit_code.value_or(0) != 0) {
    error = fmt::format("the command exited with {}: {}", *result.exit_code, result.text);
  } else if (error.empty() && result.value) {
    metrics_.AddValue(metric, kind->second, *result.value, result.wall_ns);
  } else if (error.empty() && result.exit_code) {
    error = "the command printed no number";
  }
  TellOnce(check_said_[metric], error.empty() ? "" : fmt::format("metric {}: {}", metric, error));
}

void MonitoringService::TellOnce(std::string& said, const std::string& what) {
  if (!what.empty() && what != said) {
    options_.tell(what);
  }
  said = what;
}

void MonitoringService::FlushMetrics(bool all) {
  const Status status = metrics_.Flush(*metric_store_, WallClockNs(), all);
  TellOnce(metrics_said_,
           status ? "" : "own metrics are kept in memory: " + status.error().message);
}

void MonitoringService::EvaluateMonitors() {
  const int64_t now_ns = WallClockNs();
  const std::map<std::string, CheckResult> results = checks_->Results();
  const std::unique_ptr<MonitorInputs> inputs =
      ReadMonitorInputs(options_.database, now_ns, request_times_, results);
  const std::vector<Finding> findings = EvaluateAll(configuration_, *inputs);
  const Result<Recorded> recorded =
      RecordFindings(configuration_, findings, now_ns, *monitor_store_);
  TellOnce(monitors_said_,
           recorded ? "" : "monitors are not written down: " + recorded.error().message);
  if (recorded && recorded->messages > 0) {
    sender_->Wake();
  }
}

// Once a day, at its minute or as soon after it as a collector runs.
void MonitoringService::QueueDigestsOfToday() {
  if (!configuration_.notify.digest_minute) {
    return;
  }
  const int64_t now_ns = WallClockNs();
  const auto seconds = static_cast<time_t>(now_ns / kSecondNs);
  tm local{};
  localtime_r(&seconds, &local);
  if (local.tm_hour * 60 + local.tm_min < *configuration_.notify.digest_minute) {
    return;
  }
  const int64_t day = (local.tm_year + 1900) * 10'000 + (local.tm_mon + 1) * 100 + local.tm_mday;
  if (day == digest_day_) {
    return;
  }
  const Result<int64_t> queued = QueueDigests(configuration_, day, now_ns, *monitor_store_);
  if (queued) {
    digest_day_ = day;
    sender_->Wake();
  }
}

void MonitoringService::Retain() {
  metrics_.DeclareAgain();
  const int64_t now_s = WallClockNs() / kSecondNs;
  if (monitor_store_->Begin()) {
    if (!monitor_store_->Retain((now_s - kHoursKeptS) * kSecondNs, kRetainRows) ||
        !monitor_store_->Commit()) {
      monitor_store_->Rollback();  // the next time will do
    }
  }
  if (metric_store_->Begin()) {
    if (!metric_store_->Retain(now_s - kMinutesKeptS, now_s - kHoursKeptS, kRetainRows) ||
        !metric_store_->Commit()) {
      metric_store_->Rollback();  // the next time will do
    }
  }
}

void MonitoringService::Run() {
  Clock::time_point next_flush = Clock::now();
  // Whatever is gathered first, is stored first: what a command or query gives, and metrics.
  Clock::time_point next_evaluation = Clock::now() + kFirstEvaluation;
  Clock::time_point next_retain = Clock::now() + kRetainEvery;
  std::unique_lock lock(mutex_);
  while (!stop_) {
    lock.unlock();
    if (options_.reload_requested != nullptr && options_.reload_requested->exchange(false)) {
      Reload();
    }
    const Clock::time_point now = Clock::now();
    if (now >= next_flush) {
      FlushMetrics(/*all=*/false);
      next_flush = now + std::chrono::nanoseconds(configuration_.statsd.flush_ns);
    }
    if (now >= next_evaluation) {
      EvaluateMonitors();
      QueueDigestsOfToday();
      next_evaluation = now + std::chrono::nanoseconds(configuration_.evaluate_ns);
    }
    if (now >= next_retain) {
      Retain();
      next_retain = now + kRetainEvery;
    }
    lock.lock();
    wake_.wait_for(lock, kTick, [this] { return stop_; });
  }
}

}  // namespace pinfo

#include "collector/monitor/sender.h"

#include <chrono>

#include "collector/base/wall_clock.h"
#include "collector/notify/queue.h"

namespace pinfo {
namespace {

// What failed is due again after a minute at the earliest.
constexpr auto kLookEvery = std::chrono::seconds(15);

}  // namespace

Result<std::unique_ptr<Sender>> Sender::Start(const std::string& database,
                                              std::function<void(const std::string&)> tell) {
  Result<std::unique_ptr<MonitorStore>> store = OpenMonitorStore(database);
  if (!store) {
    return tl::unexpected(store.error());
  }
  std::unique_ptr<Sender> sender(new Sender());
  sender->store_ = std::move(*store);
  sender->tell_ = std::move(tell);
  sender->configuration_ = std::make_shared<const Configuration>();
  sender->thread_ = std::thread([raw = sender.get()] { raw->Run(); });
  return sender;
}

Sender::~Sender() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Sender::SetConfiguration(Configuration configuration) {
  const std::lock_guard lock(mutex_);
  configuration_ = std::make_shared<const Configuration>(std::move(configuration));
}

void Sender::Wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  wake_.notify_all();
}

void Sender::Run() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    woken_ = false;
    const std::shared_ptr<const Configuration> configuration = configuration_;
    lock.unlock();
    if (!configuration->people.empty()) {
      const Result<DeliveryReport> report =
          DeliverDue(*configuration, *store_, WallClockNs, &stop_);
      if (!report) {
        tell_("messages wait: " + report.error().message);
      } else {
        for (const std::string& error : report->errors) {
          tell_("a message was not sent, it will be tried again: " + error);
        }
      }
    }
    lock.lock();
    wake_.wait_for(lock, kLookEvery, [this] { return stop_ || woken_; });
  }
}

}  // namespace pinfo

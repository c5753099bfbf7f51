#include "collector/monitor/check_runner.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include <fmt/format.h>
#include <sys/wait.h>

#include "collector/base/run_command.h"
#include "collector/base/wall_clock.h"
#include "collector/profile/utf8.h"
#include "collector/store/query.h"

namespace pinfo {
namespace {

constexpr size_t kThreads = 4;
constexpr size_t kTextMax = 500;

int64_t SteadyNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The line that a Nagios plugin's text is, without what follows '|': its performance data.
std::string FirstLine(const std::string& output) {
  std::string line = output.substr(0, output.find_first_of("\n|"));
  while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) {
    line.pop_back();
  }
  return ValidUtf8(line.substr(0, kTextMax));
}

CheckResult RunCommandCheck(const CommandSource& command, int64_t timeout_ns,
                            const std::atomic<bool>* stop) {
  CheckResult result;
  CommandRequest request;
  request.arguments = command.arguments;
  request.timeout_ns = timeout_ns;
  request.stop = stop;
  const Result<CommandOutcome> outcome = RunCommand(request);
  if (!outcome) {
    result.error = "the command " + outcome.error().message;
    return result;
  }
  result.text = FirstLine(outcome->output.empty() ? outcome->errors : outcome->output);
  if (WIFSIGNALED(outcome->status)) {
    result.error = fmt::format("the command was killed by signal {}", WTERMSIG(outcome->status));
    return result;
  }
  result.exit_code = WEXITSTATUS(outcome->status);
  result.value = FirstNumber(outcome->output);
  return result;
}

}  // namespace

std::vector<CheckTask> TasksOfMetrics(const Configuration& configuration) {
  std::vector<CheckTask> tasks;
  for (const MetricSettings& metric : configuration.metrics) {
    CheckTask task{.key = kMetricKey + metric.name,
                   .what = {},
                   .every_ns = metric.every_ns,
                   .timeout_ns = metric.timeout_ns};
    if (const auto* query = std::get_if<QuerySource>(&metric.source)) {
      task.what = *query;
      tasks.push_back(std::move(task));
    } else if (const auto* command = std::get_if<CommandSource>(&metric.source)) {
      task.what = *command;
      tasks.push_back(std::move(task));
    }
  }
  return tasks;
}

std::vector<CheckTask> TasksOfMonitors(const Configuration& configuration) {
  std::vector<CheckTask> tasks;
  for (const MonitorSettings& monitor : configuration.monitors) {
    CheckTask task{.key = kMonitorKey + monitor.name,
                   .what = {},
                   .every_ns = monitor.every_ns,
                   .timeout_ns = monitor.timeout_ns};
    const auto* age = std::get_if<AgeSubject>(&monitor.subject);
    if (const auto* query = std::get_if<QuerySubject>(&monitor.subject)) {
      task.what = QuerySource{query->sql};
    } else if (const auto* command = std::get_if<CommandSubject>(&monitor.subject)) {
      task.what = CommandSource{command->arguments};
    } else if (age != nullptr && age->of == AgeSubject::Of::kQuery) {
      task.what = QuerySource{age->what};
    } else {
      continue;
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

std::optional<double> FirstNumber(const std::string& text) {
  for (size_t at = text.find_first_of("0123456789"); at != std::string::npos;
       at = text.find_first_of("0123456789", at + 1)) {
    size_t begin = at;
    if (begin > 0 && text[begin - 1] == '.') {
      --begin;
    }
    if (begin > 0 && text[begin - 1] == '-') {
      --begin;
    }
    double value = 0;
    const auto [end, error] =
        std::from_chars(text.data() + begin, text.data() + text.size(), value);
    if (error == std::errc() && std::isfinite(value)) {
      return value;
    }
  }
  return std::nullopt;
}

CheckResult RunCheck(const CheckTask& task, const std::string& database,
                     const std::atomic<bool>* stop) {
  CheckResult result;
  if (const auto* command = std::get_if<CommandSource>(&task.what)) {
    result = RunCommandCheck(*command, task.timeout_ns, stop);
  } else {
    const Result<std::optional<double>> value =
        QueryNumber(database, std::get<QuerySource>(task.what).sql, task.timeout_ns, stop);
    if (value) {
      result.value = *value;
    } else {
      result.error = value.error().message;
    }
  }
  result.wall_ns = WallClockNs();
  return result;
}

CheckRunner::CheckRunner(std::string database,
                         std::function<void(const std::string&, const CheckResult&)> done)
    : database_(std::move(database)), done_(std::move(done)) {}

CheckRunner::~CheckRunner() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void CheckRunner::SetTasks(const std::vector<CheckTask>& tasks) {
  const auto same = [](const CheckTask& a, const CheckTask& b) {
    const auto* command = std::get_if<CommandSource>(&a.what);
    const auto* other = std::get_if<CommandSource>(&b.what);
    const bool same_what =
        command != nullptr && other != nullptr
            ? command->arguments == other->arguments
            : command == nullptr && other == nullptr &&
                  std::get<QuerySource>(a.what).sql == std::get<QuerySource>(b.what).sql;
    return same_what && a.every_ns == b.every_ns && a.timeout_ns == b.timeout_ns;
  };
  {
    const std::lock_guard lock(mutex_);
    std::map<std::string, Slot> slots;
    for (const CheckTask& task : tasks) {
      const auto old = slots_.find(task.key);
      if (old != slots_.end() && same(old->second.task, task)) {
        slots.emplace(task.key, std::move(old->second));
      } else {
        Slot slot;
        slot.task = task;
        slot.generation = ++generation_;
        slots.emplace(task.key, std::move(slot));
      }
    }
    slots_ = std::move(slots);
    while (threads_.size() < std::min(kThreads, slots_.size())) {
      threads_.emplace_back([this] { Work(); });
    }
  }
  changed_.notify_all();
}

CheckRunner::Slot* CheckRunner::NextSlot() {
  Slot* next = nullptr;
  for (auto& [key, slot] : slots_) {
    if (!slot.running && (next == nullptr || slot.due_ns < next->due_ns)) {
      next = &slot;
    }
  }
  return next;
}

void CheckRunner::Work() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    Slot* slot = NextSlot();
    const int64_t now_ns = SteadyNs();
    if (slot == nullptr || slot->due_ns > now_ns) {
      const int64_t wait_ns = slot == nullptr ? kSecondNs : slot->due_ns - now_ns;
      changed_.wait_for(lock, std::chrono::nanoseconds(std::min(wait_ns, kSecondNs)));
      continue;
    }
    slot->running = true;
    const CheckTask task = slot->task;
    const uint64_t generation = slot->generation;
    lock.unlock();
    const CheckResult result = RunCheck(task, database_, &stop_);
    if (done_ && !stop_) {
      done_(task.key, result);
    }
    lock.lock();
    const auto found = slots_.find(task.key);
    if (found != slots_.end() && found->second.generation == generation) {
      found->second.running = false;
      found->second.due_ns = now_ns + task.every_ns;
      found->second.result = result;
    }
    changed_.notify_all();
  }
}

void CheckRunner::WaitForFirst() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    return stop_ || std::all_of(slots_.begin(), slots_.end(),
                                [](const auto& each) { return each.second.result.has_value(); });
  });
}

std::map<std::string, CheckResult> CheckRunner::Results() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, CheckResult> results;
  for (const auto& [key, slot] : slots_) {
    if (slot.result) {
      results.emplace(key, *slot.result);
    }
  }
  return results;
}

}  // namespace pinfo

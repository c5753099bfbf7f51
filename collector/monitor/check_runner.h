// Runs what takes its time, queries and commands, on threads of its own, each as often as it is to
// be, never two of the same at once.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "collector/config/configuration.h"

namespace pinfo {

struct CheckTask {
  std::string key;  // unique
  std::variant<QuerySource, CommandSource> what;
  int64_t every_ns = 0;
  int64_t timeout_ns = 0;
};

struct CheckResult {
  int64_t wall_ns = 0;
  std::string error;             // why there is nothing else
  std::optional<double> value;   // a query's; a command's first number
  std::optional<int> exit_code;  // a command's
  std::string text;              // a command's first line, without performance data
};

// Keys of the tasks that configurations ask for: "metric NAME", "monitor NAME".
inline const std::string kMetricKey = "metric ";
inline const std::string kMonitorKey = "monitor ";
std::vector<CheckTask> TasksOfMetrics(const Configuration& configuration);
std::vector<CheckTask> TasksOfMonitors(const Configuration& configuration);

// The result of one run, on the calling thread.
CheckResult RunCheck(const CheckTask& task, const std::string& database,
                     const std::atomic<bool>* stop);

// The first number in a text; nullopt where there is none.
std::optional<double> FirstNumber(const std::string& text);

class CheckRunner {
 public:
  // done: called with each result, by the threads. May be nullptr.
  CheckRunner(std::string database,
              std::function<void(const std::string&, const CheckResult&)> done);
  ~CheckRunner();  // ends what is under way
  CheckRunner(const CheckRunner&) = delete;
  CheckRunner& operator=(const CheckRunner&) = delete;

  // From now on these. A task that stays the same keeps its result and its time.
  void SetTasks(const std::vector<CheckTask>& tasks);
  // Waits until each task has been run once.
  void WaitForFirst();
  [[nodiscard]] std::map<std::string, CheckResult> Results() const;

 private:
  struct Slot {
    CheckTask task;
    int64_t due_ns = 0;  // steady clock
    bool running = false;
    uint64_t generation = 0;
    std::optional<CheckResult> result;
  };

  void Work();
  // The task due first that nobody runs; nullptr where there is none.
  Slot* NextSlot();

  const std::string database_;
  const std::function<void(const std::string&, const CheckResult&)> done_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Slot> slots_;
  uint64_t generation_ = 0;
  std::atomic<bool> stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pinfo

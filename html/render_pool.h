// Threads that render and write pages while the thread that reads the database reads on. The
// database has one reader; all that comes after it (graphs, JSON, compression) is work on values.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "collector/base/result.h"

namespace pinfo::html {

class RenderPool {
 public:
  using Task = std::function<Status()>;
  // Makes a file's text from values it holds.
  using Render = std::function<Result<std::string>()>;

  // Threads: as many as this process may run at once, 1 to 8.
  RenderPool();
  ~RenderPool();  // drops what has not begun
  RenderPool(const RenderPool&) = delete;
  RenderPool& operator=(const RenderPool&) = delete;

  // Waits while many are waiting: what they hold is bounded. The first failure so far; then the
  // task is dropped.
  Status Add(Task task);
  // Waits until all is done. The first failure.
  Status Finish();

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> waiting_;
  size_t running_ = 0;
  bool stopping_ = false;
  Status first_failure_;
  std::vector<std::thread> threads_;
};

}  // namespace pinfo::html

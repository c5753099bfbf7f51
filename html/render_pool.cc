#include "html/render_pool.h"

#include <algorithm>
#include <utility>

#include <sched.h>

namespace pinfo::html {
namespace {

constexpr int kThreadsMax = 8;
constexpr size_t kWaitingOfAThread = 8;

// The CPUs this process may use, which may be fewer than there are.
int UsableCpus() {
  cpu_set_t cpus;
  return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
}

}  // namespace

RenderPool::RenderPool() {
  const int threads = std::clamp(UsableCpus(), 1, kThreadsMax);
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

RenderPool::~RenderPool() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

Status RenderPool::Add(Task task) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    return waiting_.size() < kWaitingOfAThread * threads_.size() || !first_failure_;
  });
  if (first_failure_) {
    waiting_.push_back(std::move(task));
    changed_.notify_all();
  }
  return first_failure_;
}

Status RenderPool::Finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && running_ == 0; });
  return first_failure_;
}

void RenderPool::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) {
      return;
    }
    const Task task = std::move(waiting_.front());
    waiting_.pop_front();
    ++running_;
    lock.unlock();
    Status status = task();
    lock.lock();
    --running_;
    if (!status && first_failure_) {
      first_failure_ = std::move(status);
      waiting_.clear();
    }
    changed_.notify_all();
  }
}

}  // namespace pinfo::html

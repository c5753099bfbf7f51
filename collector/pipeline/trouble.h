// Trouble with the store: counted, and told when it happens, not only at the end. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "collector/base/result.h"

namespace pinfo {

class Trouble {
 public:
  static constexpr int64_t kTellEveryNs = int64_t{10} * 1'000'000'000;

  // tell: gets one sentence for the user; may be empty.
  explicit Trouble(std::function<void(const std::string&)> tell) : tell_(std::move(tell)) {}

  // What came of a try at now_ns, and what was tried ("storing"). A failure is told at once, the
  // same one again every kTellEveryNs, and so is the end of it.
  void Note(const char* what, const Status& outcome, int64_t now_ns);

  // Tries that failed.
  [[nodiscard]] int64_t failures() const { return failures_; }

 private:
  std::function<void(const std::string&)> tell_;
  std::string told_;  // the failure under way; empty: none
  const char* failing_ = nullptr;
  int64_t told_ns_ = 0;
  int64_t failures_ = 0;
};

}  // namespace pinfo

// When the store does the work that it has put off (Store::Settle): in CPU time that nobody else
// wants, or slowly when it has waited for too long. One thread.
#pragma once

#include <cstdint>

#include "collector/base/result.h"
#include "collector/pipeline/idle_meter.h"
#include "collector/store/store.h"

namespace pinfo {

class Settler {
 public:
  explicit Settler(Store& store) : store_(store) {}

  // Takes a slice of work, if it is time for one. REQUIRES no batch is open.
  Status Slice(int64_t now_wall_ns);
  // Of everything that is left, a second's work; false: nothing is left.
  Result<bool> FinishSlice();

  // Rows that were put off and could not be read any more.
  [[nodiscard]] int64_t unreadable() const { return unreadable_; }

 private:
  // false: nothing is left.
  Result<bool> WorkFor(int64_t budget_ns);

  Store& store_;
  IdleMeter idle_;
  int64_t unreadable_ = 0;
};

// How long the next slice may take: a half of what was idle of a batch's time, or, where the oldest
// row has waited for 30 s, a tenth of it whatever else runs. Pure.
int64_t SettleBudgetNs(double idle_share, int64_t waited_ns);

}  // namespace pinfo

#include "collector/pipeline/settler.h"

#include <algorithm>

#include "collector/process/proc_reader.h"

namespace pinfo {
namespace {

constexpr int64_t kSliceNs = 100'000'000;  // a slice comes with every batch: ten a second
constexpr int64_t kFinishSliceNs = 1'000'000'000;
constexpr double kIdleEnough = 0.25;  // below it the machine counts as saturated (put_off.cc)
constexpr int64_t kPatienceNs = int64_t{30} * 1'000'000'000;

}  // namespace

int64_t SettleBudgetNs(double idle_share, int64_t waited_ns) {
  const int64_t owed = waited_ns >= kPatienceNs ? kSliceNs / 10 : 0;
  const int64_t idle = idle_share >= kIdleEnough
                           ? static_cast<int64_t>(idle_share * static_cast<double>(kSliceNs) / 2)
                           : 0;
  return std::max(owed, idle);
}

Result<bool> Settler::WorkFor(int64_t budget_ns) {
  const int64_t begin = MonotonicNs();
  do {
    const Result<Settled> settled = store_.Settle();
    if (!settled) {
      return tl::unexpected(settled.error());
    }
    unreadable_ += settled->unreadable;
    if (settled->rows == 0 && settled->unreadable == 0) {
      return false;
    }
  } while (MonotonicNs() - begin < budget_ns);
  return true;
}

Status Settler::Slice(int64_t now_wall_ns) {
  const double idle_share = idle_.Measure();
  const Result<std::optional<int64_t>> oldest = store_.OldestUnsettledWallNs();
  if (!oldest) {
    return tl::unexpected(oldest.error());
  }
  if (!*oldest) {
    return {};
  }
  const int64_t budget_ns = SettleBudgetNs(idle_share, now_wall_ns - **oldest);
  if (budget_ns > 0) {
    const Result<bool> more = WorkFor(budget_ns);
    return more ? Status() : tl::unexpected(more.error());
  }
  return {};
}

Result<bool> Settler::FinishSlice() { return WorkFor(kFinishSliceNs); }

}  // namespace pinfo

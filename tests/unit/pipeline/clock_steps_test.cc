#include "collector/pipeline/clock_steps.h"

#include <gtest/gtest.h>

namespace pinfo {
namespace {

constexpr int64_t kHour = int64_t{3'600} * 1'000'000'000;
constexpr int64_t kEpoch = int64_t{1'700'000'000} * 1'000'000'000;

TEST(ClockStepsTest, AClockThatRunsIsTrusted) {
  ClockSteps steps;
  for (int64_t hour = 0; hour < 100; ++hour) {
    // Slewed by a minute an hour: not a step.
    EXPECT_FALSE(steps.IsInDoubt(kEpoch + hour * (kHour + kHour / 60), hour * kHour));
  }
}

TEST(ClockStepsTest, AfterAStepADayIsInDoubt) {
  for (const int64_t step : {1000 * kHour, -1000 * kHour}) {
    ClockSteps steps;
    EXPECT_FALSE(steps.IsInDoubt(kEpoch, 0));
    EXPECT_TRUE(steps.IsInDoubt(kEpoch + step, 1));
    EXPECT_TRUE(steps.IsInDoubt(kEpoch + step + 23 * kHour, 23 * kHour));
    EXPECT_FALSE(steps.IsInDoubt(kEpoch + step + 25 * kHour, 25 * kHour));
  }
}

}  // namespace
}  // namespace pinfo

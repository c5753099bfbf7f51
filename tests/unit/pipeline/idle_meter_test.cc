#include "collector/pipeline/idle_meter.h"

#include <gtest/gtest.h>

namespace pinfo {
namespace {

TEST(IdleMeterTest, ReadsTheKernelsLine) {
  const auto ticks = ParseCpuTicks("cpu  10 20 30 400 50 6 7 8 9 9\ncpu0 1 2 3 4 5 6 7 8 9 9\n");
  ASSERT_TRUE(ticks.has_value());
  EXPECT_EQ(ticks->idle, 450U);
  EXPECT_EQ(ticks->total, 531U);
}

TEST(IdleMeterTest, KnowsWhatIsNoSuchLine) {
  for (const char* text : {"", "cpu", "cpu  1 2 3", "cpu0 1 2 3 4 5 6 7 8", "intr 1 2 3 4 5 6 7 8"}) {
    EXPECT_FALSE(ParseCpuTicks(text).has_value()) << text;
  }
}

TEST(IdleMeterTest, TheFirstMeasureKnowsNothing) {
  IdleMeter meter;
  EXPECT_EQ(meter.Measure(), 0);
  const double share = meter.Measure();
  EXPECT_GE(share, 0);
  EXPECT_LE(share, 1);
}

}  // namespace
}  // namespace pinfo

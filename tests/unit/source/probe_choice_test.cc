#include "collector/source/probe_choice.h"

#include <gtest/gtest.h>

namespace pinfo {
namespace {

bool Tries(ProbeStrategy asked, std::string_view release) {
  return TrySocketProbes(asked, ParseKernelVersion(release));
}

TEST(ProbeChoice, AutoTakesTheSocketProbesWhereTheySeeSendfile) {
  EXPECT_FALSE(Tries(ProbeStrategy::kAuto, "5.15.0-91-generic"));
  EXPECT_FALSE(Tries(ProbeStrategy::kAuto, "6.1.0-18-amd64"));
  EXPECT_FALSE(Tries(ProbeStrategy::kAuto, "6.3.13"));
  EXPECT_FALSE(Tries(ProbeStrategy::kAuto, "6.4.0-rc7"));
  EXPECT_TRUE(Tries(ProbeStrategy::kAuto, "6.5.0"));
  EXPECT_TRUE(Tries(ProbeStrategy::kAuto, "6.18.44-fc-v657"));
  EXPECT_TRUE(Tries(ProbeStrategy::kAuto, "7.0.0"));
}

TEST(ProbeChoice, WhatIsAskedForIsTried) {
  EXPECT_TRUE(Tries(ProbeStrategy::kSocket, "6.3.0"));
  EXPECT_FALSE(Tries(ProbeStrategy::kSyscall, "6.18.0"));
}

TEST(ProbeChoice, AReleaseThatSaysNothingLeavesItToTheLoader) {
  for (const char* release : {"", "6", "6.", "linux-6.8", ".6", "x.y"}) {
    EXPECT_FALSE(ParseKernelVersion(release)) << release;
    EXPECT_TRUE(Tries(ProbeStrategy::kAuto, release)) << release;
  }
}

}  // namespace
}  // namespace pinfo

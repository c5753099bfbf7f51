// Whatever goes in, the tree's total is the latency to the nanosecond.
#include "collector/views/profile_builder.h"

#include <map>
#include <random>
#include <string>

#include <gmock/gmock.h>

#include "bpf/wire.h"

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::Pair;

// Self time by function name, leaving out what took none.
std::map<std::string, int64_t> SelfTimes(const Profile& profile) {
  std::map<std::string, int64_t> times;
  for (const CallTree::Node& node : profile.tree.nodes()) {
    for (const int64_t ns : node.self_ns) {
      if (ns != 0) {
        times[profile.tree.functions()[node.function].name] += ns;
      }
    }
  }
  return times;
}

StackSamples Samples(ProfileBuilder& builder, const std::string& function, uint8_t kind,
                     int64_t weight, int64_t duration_ns) {
  FrameRow frame;
  frame.function = function;
  return {.root_first = {builder.AddFrame(frame)},
          .kind = kind,
          .weight = weight,
          .duration_ns = duration_ns,
          .count = 1,
          .incomplete = {}};
}

TEST(ProfileBuilder, TheRemainderOfADivisionIsNotLost) {
  ProfileBuilder builder;
  std::vector<StackSamples> samples;
  for (const char* name : {"a", "b", "c"}) {
    samples.push_back(Samples(builder, name, PINFO_SAMPLE_ON_CPU, 1, 0));
  }
  builder.Add({.latency_ns = 100, .on_cpu_ns = 100}, 1, samples);
  EXPECT_THAT(SelfTimes(builder.Take()), ElementsAre(Pair("a", 33), Pair("b", 33), Pair("c", 34)));
}

TEST(ProfileBuilder, AnUnknownSplitIsUnattributed) {
  ProfileBuilder builder;
  const std::vector samples = {Samples(builder, "read", PINFO_SAMPLE_BLOCKED, 1, 30),
                               Samples(builder, "run", PINFO_SAMPLE_ON_CPU, 1, 0)};
  builder.Add({.latency_ns = 100}, 1, samples);
  EXPECT_THAT(SelfTimes(builder.Take()), ElementsAre(Pair("[unattributed]", 70), Pair("read", 30)));
}

TEST(ProfileBuilder, WaitsLongerThanTheLatencyAreScaledDown) {
  ProfileBuilder builder;
  const std::vector samples = {Samples(builder, "a", PINFO_SAMPLE_BLOCKED, 1, 300),
                               Samples(builder, "b", PINFO_SAMPLE_BLOCKED, 1, 100)};
  builder.Add({.latency_ns = 100}, 1, samples);
  EXPECT_THAT(SelfTimes(builder.Take()), ElementsAre(Pair("a", 75), Pair("b", 25)));
}

TEST(ProfileBuilder, PartsThatExceedTheLatencyAreCut) {
  ProfileBuilder builder;
  builder.Add({.latency_ns = 100, .on_cpu_ns = 80, .blocked_ns = 80, .runqueue_ns = 80}, 1, {});
  EXPECT_THAT(SelfTimes(builder.Take()),
              ElementsAre(Pair("[blocked]", 20), Pair("[unsampled]", 80)));
}

TEST(ProfileBuilder, AnEmptyStackIsTimeWithoutAStack) {
  ProfileBuilder builder;
  const std::vector<StackSamples> samples = {{.root_first = {},
                                              .kind = PINFO_SAMPLE_ON_CPU,
                                              .weight = 1,
                                              .count = 1,
                                              .incomplete = {.broken = 1}},
                                             Samples(builder, "run", PINFO_SAMPLE_ON_CPU, 1, 0)};
  builder.Add({.latency_ns = 10, .on_cpu_ns = 10}, 1, samples);
  const Profile profile = builder.Take();
  EXPECT_THAT(SelfTimes(profile), ElementsAre(Pair("[unsampled]", 5), Pair("run", 5)));
  EXPECT_EQ(profile.samples, 2);
  EXPECT_EQ(profile.samples_incomplete, (StackEndCounts{.broken = 1}));
}

TEST(ProfileBuilder, TheTotalIsExactForAnyInput) {
  std::mt19937_64 random(20240117);  // fixed: a failure must come again
  // From a nanosecond to ten days, some negative, as a damaged database could hold them.
  const auto any = [&random] {
    const auto value = static_cast<int64_t>(random() >> (14 + random() % 50));
    return random() % 8 == 0 ? -value : value;
  };
  const auto maybe = [&]() -> std::optional<int64_t> {
    return random() % 3 == 0 ? std::nullopt : std::optional(any());
  };
  for (int round = 0; round < 2000; ++round) {
    ProfileBuilder builder;
    std::vector<StackSamples> samples;
    for (uint64_t i = random() % 6; i > 0; --i) {
      samples.push_back(Samples(builder, std::string(1, static_cast<char>('a' + random() % 3)),
                                static_cast<uint8_t>(1 + random() % 2), any() % 1000, any()));
    }
    const LatencyParts times = {.latency_ns = any(),
                                .on_cpu_ns = maybe(),
                                .blocked_ns = maybe(),
                                .runqueue_ns = maybe(),
                                .waiting_ns = maybe()};
    builder.Add(times, 1, samples);
    const Profile profile = builder.Take();
    ASSERT_EQ(profile.tree.TotalNs(), std::max<int64_t>(times.latency_ns, 0)) << round;
    for (const CallTree::Node& node : profile.tree.nodes()) {
      for (const int64_t ns : node.self_ns) {
        ASSERT_GE(ns, 0) << round;
      }
    }
  }
}

}  // namespace
}  // namespace pinfo

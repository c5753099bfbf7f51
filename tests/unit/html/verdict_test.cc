#include "html/verdict.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/html/fake_reader.h"

namespace pinfo::html {
namespace {

constexpr int64_t kLatency = 250'000'000;

TEST(TimeVerdictTest, NamesTheMainKindAndItsFunction) {
  const CallGraph graph = BuildCallGraph(MakeProfile(kLatency).tree);
  RequestRow row = MakeRequest(1, kLatency);
  row.samples = 100;
  EXPECT_EQ(TimeVerdict(row, graph),
            "60% of 250 ms was spent running code, 40% in parse<std::map<K, V>>(char const*, "
            "unsigned long) itself.");
}

TEST(TimeVerdictTest, SaysSoWhereAShareRestsOnFewSamples) {
  const CallGraph graph = BuildCallGraph(MakeProfile(kLatency).tree);
  RequestRow row = MakeRequest(1, kLatency);
  row.samples = 1;
  EXPECT_THAT(TimeVerdict(row, graph), testing::EndsWith("itself (by one sample)."));
  row.samples = 3;
  EXPECT_THAT(TimeVerdict(row, graph), testing::EndsWith("itself (by 3 samples)."));
}

TEST(TimeVerdictTest, NamesNoFunctionWithoutSamples) {
  CallTree tree;
  const auto unsampled = tree.AddFunction({kUnsampledFrame, "", "", 0});
  tree.AddStack({&unsampled, 1}, TimeKind::kOnCpu, kLatency, 0);
  EXPECT_EQ(TimeVerdict(MakeRequest(1, kLatency), BuildCallGraph(tree)),
            "60% of 250 ms was spent running code.");
}

TEST(TimeVerdictTest, SaysWhereNoKindStandsOut) {
  RequestRow row = MakeRequest(1, kLatency);
  row.on_cpu_ns = kLatency * 4 / 10;
  row.blocked_ns = kLatency * 4 / 10;
  row.runqueue_ns = kLatency * 2 / 10;
  EXPECT_THAT(TimeVerdict(row, {}),
              testing::StartsWith("No kind of time took half of 250 ms: 40%"));
}

TEST(TimeVerdictTest, DoesNotGuess) {
  RequestRow row = MakeRequest(1, kLatency);
  row.on_cpu_ns = row.blocked_ns = row.runqueue_ns = row.waiting_ns = std::nullopt;
  EXPECT_THAT(TimeVerdict(row, {}), testing::HasSubstr("not known"));
}

TEST(TimeVerdictTest, TakesARequestWithoutLatency) {
  EXPECT_EQ(TimeVerdict(MakeRequest(1, 0), {}), "It took no measurable time.");
}

}  // namespace
}  // namespace pinfo::html

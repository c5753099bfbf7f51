#include "collector/emit/dot_compare.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/emit/dot_legend.h"
#include "collector/emit/file_io.h"
#include "collector/emit/graphviz.h"
#include "tests/unit/emit/testing.h"

namespace pinfo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// main with parse and read; parse takes parse_ns of 100 ms.
CallGraph Split(int64_t parse_ns, bool has_read = true) {
  CallTree tree;
  const auto main = tree.AddFunction({.name = "main", .file = "/srv/app/main.cc", .line = 10});
  const auto parse = tree.AddFunction({.name = "parse", .file = "/srv/app/parse.cc", .line = 42});
  tree.AddStack(std::vector{main, parse}, TimeKind::kOnCpu, parse_ns, 3);
  if (has_read) {
    const auto read = tree.AddFunction({.name = "read", .file = "/srv/app/read.cc", .line = 7});
    tree.AddStack(std::vector{main, read}, TimeKind::kBlocked, 100'000'000 - parse_ns, 5);
  }
  return BuildCallGraph(tree);
}

std::string Compare(const CallGraph& first, const CallGraph& second,
                    const DotComparisonOptions& comparison = {}) {
  const Result<std::string> dot = WriteDotComparison(first, second, {}, comparison);
  EXPECT_TRUE(dot) << dot.error().message;
  return dot.value_or("");
}

// The golden file is what gprof2dot --compare (of July 2026) makes of the two as stats files.
TEST(WriteDotComparison, IsGprof2dots) {
  const std::string path = PINFO_SOURCE_DIR "/tests/unit/emit/golden/compare.dot";
  EXPECT_EQ(Compare(Split(40'000'000), Split(55'000'000)), ReadFile(path, 1 << 20).value());
}

TEST(WriteDotComparison, MarksOnlyWhatIsAskedFor) {
  const CallGraph first = Split(40'000'000);
  const CallGraph second = Split(55'000'000);
  EXPECT_THAT(Compare(first, second, {.only_slower = true}), HasSubstr("40.00% + 15.0%"));
  EXPECT_THAT(Compare(first, second, {.only_slower = true}), Not(HasSubstr("orientation=90")));
  EXPECT_THAT(Compare(first, second, {.only_faster = true}), HasSubstr("60.00% - 15.0%"));
  EXPECT_THAT(Compare(first, second, {.tolerance = 20}), Not(HasSubstr("cds")));
}

TEST(WriteDotComparison, ColoursByTheLargestDifference) {
  const std::string dot =
      Compare(Split(40'000'000), Split(55'000'000), {.color_by_difference = true});
  EXPECT_THAT(dot, HasSubstr("1 [color=\"#ff0000\""));  // parse: the largest
  EXPECT_THAT(dot, HasSubstr("0 [color=\"#0d0d73\""));  // main is the same in both
}

TEST(WriteDotComparison, DrawsWhatTheOtherLacksAsItIs) {
  const std::string dot = Compare(Split(40'000'000), Split(40'000'000, false));
  EXPECT_THAT(dot, HasSubstr("label=\"read:7:read\\n60.00%\\n(60.00%)\\n5\xC3\x97\""));
  EXPECT_THAT(dot, HasSubstr("label=\"60.00%\\n5\xC3\x97\""));
}

TEST(WriteDot, ALegendNamesTheKindsOfTime) {
  DotOptions options;
  options.legend = true;
  const std::string dot = WriteDot(testing::SampleGraph(), options).value();
  EXPECT_THAT(dot, HasSubstr("on CPU"));
  EXPECT_THAT(dot, HasSubstr("<td align=\"right\">0.06 s</td><td align=\"right\">30.00%</td>"));
  EXPECT_THAT(dot, HasSubstr(fmt::format("2 [color=\"{}\", fillcolor=",
                                         TimeKindColor(TimeKind::kBlocked))));
  EXPECT_THAT(RenderDot(dot, GraphFormat::kSvg).value(), HasSubstr("waiting"));
  CallGraph unknown = testing::SampleGraph();
  for (CallGraph::FunctionCost& cost : unknown.functions) {
    cost.self_by_kind = {};
  }
  EXPECT_EQ(WriteDot(unknown, options).value(), WriteDot(unknown, {}).value());
}

}  // namespace
}  // namespace pinfo

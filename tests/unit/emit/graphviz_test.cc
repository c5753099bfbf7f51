#include "collector/emit/graphviz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/emit/dot.h"
#include "tests/unit/emit/testing.h"

namespace pinfo {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(RenderDot, DrawsTheSampleGraph) {
  const std::string dot = WriteDot(testing::SampleGraph(), {}).value();
  const Result<std::string> svg = RenderDot(dot, GraphFormat::kSvg);
  ASSERT_TRUE(svg) << svg.error().message;
  EXPECT_THAT(*svg, HasSubstr("</svg>"));
  EXPECT_THAT(*svg, HasSubstr("main:10:main"));
  const Result<std::string> png = RenderDot(dot, GraphFormat::kPng);
  ASSERT_TRUE(png) << png.error().message;
  EXPECT_THAT(*png, StartsWith("\x89PNG"));
}

TEST(RenderDot, BadDotIsAnErrorAndTheNextGoodOneIsDrawn) {
  const std::string good = "digraph { a -> b }";
  for (const std::string& bad :
       {std::string(), std::string("digraph {"), std::string("no graph"), std::string("}"),
        std::string("digraph { a -> \"unterminated }"), std::string("digraph { a [label=<<b>] }"),
        std::string("\xFF\xFE"), std::string("digraph {\0}", 11)}) {
    const Result<std::string> drawn = RenderDot(bad, GraphFormat::kSvg);
    EXPECT_FALSE(drawn) << bad;
    if (!drawn) {
      EXPECT_THAT(drawn.error().message, HasSubstr("cannot "));
    }
    const Result<std::string> after = RenderDot(good, GraphFormat::kSvg);
    EXPECT_TRUE(after) << "after: " << bad;
  }
}

TEST(RenderDot, EveryPrefixOfAGraphIsDrawnOrRefused) {
  const std::string dot = WriteDot(testing::SampleGraph(), {}).value();
  size_t refused = 0;
  for (size_t length = 0; length < dot.size(); length += 41) {
    refused += RenderDot(dot.substr(0, length), GraphFormat::kSvg) ? 0 : 1;
  }
  EXPECT_GT(refused, 0U);
  EXPECT_TRUE(RenderDot(dot, GraphFormat::kSvg));
}

}  // namespace
}  // namespace pinfo

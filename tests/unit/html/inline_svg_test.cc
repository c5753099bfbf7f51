#include "html/inline_svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/emit/dot.h"
#include "collector/emit/graphviz.h"
#include "tests/unit/html/fake_reader.h"

namespace pinfo::html {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(InlineSvgTest, KeepsTheDrawingWithoutPrologCommentsAndIds) {
  const Result<std::string> svg = InlineSvg(
      "<?xml version=\"1.0\"?>\n<!DOCTYPE svg PUBLIC \"x\" \"y\">\n<!-- by Graphviz -->\n"
      "<svg width=\"8pt\" viewBox=\"0 0 8 8\"><!-- a --><g id=\"node1\" class=\"node\">"
      "<title>0</title><path d=\"M0 0\"/></g></svg>\n");
  ASSERT_TRUE(svg) << svg.error().message;
  EXPECT_EQ(*svg,
            "<svg width=\"8pt\" viewBox=\"0 0 8 8\"><g class=\"node\"><title>0</title>"
            "<path d=\"M0 0\"/></g></svg>");
}

class RefusedSvgTest : public testing::TestWithParam<const char*> {};

TEST_P(RefusedSvgTest, IsRefused) { EXPECT_FALSE(InlineSvg(GetParam())) << *InlineSvg(GetParam()); }

INSTANTIATE_TEST_SUITE_P(Hostile, RefusedSvgTest,
                         testing::Values("", "<html>", "<svg><script>alert(1)</script></svg>",
                                         "<svg onload=\"alert(1)\"></svg>",
                                         "<svg><a xlink:href=\"javascript:x\"/></svg>",
                                         "<svg style=\"x\"/>", "<svg><foreignObject/></svg>",
                                         "<svg><g></svg>", "<svg></g>", "<svg width=8></svg>",
                                         "<svg width='8'></svg>", "<svg width=\"8",
                                         "<svg width=\"<\"></svg>",
                                         "<svg><![CDATA[<script>]]></svg>", "<svg", "<svg>",
                                         "<svg></svg><script/>", "<svg><!-- open", "<svg><"));

TEST(InlineSvgTest, TakesWhatGraphvizDrawsOfHostileNames) {
  const Result<std::string> dot = WriteDot(BuildCallGraph(MakeProfile(1'000'000).tree), {});
  ASSERT_TRUE(dot) << dot.error().message;
  const Result<std::string> drawn = RenderDot(*dot, GraphFormat::kSvg);
  ASSERT_TRUE(drawn) << drawn.error().message;
  const Result<std::string> svg = InlineSvg(*drawn);
  ASSERT_TRUE(svg) << svg.error().message;
  EXPECT_THAT(*svg, HasSubstr("main:10:main"));
  EXPECT_THAT(*svg, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(*svg, Not(HasSubstr("<script")));
}

}  // namespace
}  // namespace pinfo::html

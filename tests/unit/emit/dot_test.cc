#include "collector/emit/dot.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/emit/dot_name.h"
#include "collector/emit/file_io.h"
#include "tests/unit/emit/testing.h"

namespace pinfo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Dot(const CallGraph& graph, const DotOptions& options) {
  const Result<std::string> dot = WriteDot(graph, options);
  EXPECT_TRUE(dot) << dot.error().message;
  return dot.value_or("");
}

TEST(WriteDot, IsTheGoldenFile) {
  const std::string path = PINFO_SOURCE_DIR "/tests/unit/emit/golden/sample.dot";
  EXPECT_EQ(Dot(testing::SampleGraph(), {}), ReadFile(path, 1 << 20).value());
}

TEST(WriteDot, IsAcceptedByDotWithAnyName) {
  const testing::TemporaryDirectory directory;
  CallTree tree;
  std::vector<CallTree::FunctionIndex> stack;
  for (const std::string& name :
       {std::string("operator\"\" _s<'\\', \"\\\">"), std::string("<b>&amp;</b>"),
        std::string("tab\tnew\nline\r"), std::string("nul\0inside", 10), std::string("\xFF\xC3"),
        std::string("\xE2\x82\xAC"), std::string(40000, 'x'), std::string("digraph"),
        std::string()}) {
    stack.push_back(tree.AddFunction({.name = name, .file = name.substr(0, 100)}));
  }
  tree.AddStack(stack, TimeKind::kOnCpu, 1000, 1);
  DotOptions options;
  options.wrap = true;
  const std::string path = directory / "x.dot";
  ASSERT_TRUE(WriteFileAtomically(path, Dot(BuildCallGraph(tree), options)));
  const testing::CommandResult dot = testing::RunCommand(fmt::format("dot -Tsvg {}", path));
  EXPECT_EQ(dot.exit_status, 0);
  EXPECT_THAT(dot.output, HasSubstr("</svg>"));
  EXPECT_THAT(dot.output, Not(HasSubstr("rror")));
}

TEST(WriteDot, OfNothingIsAnEmptyDigraph) {
  EXPECT_THAT(Dot({}, {}), HasSubstr("\tedge [fontname=Arial];\n}\n"));
}

TEST(WriteDot, ShowsWhatIsAskedFor) {
  DotOptions options;
  options.labels = {NodeLabel::kSelfTime, NodeLabel::kTotalTime};
  options.show_samples = true;
  EXPECT_THAT(Dot(testing::SampleGraph(), options),
              HasSubstr("label=\"libc.so:0:read\\n(0.06)\\n0.06\\n6\xC3\x97\\n6\xC3\x97\""));
  CallGraph exact = testing::SampleGraph();
  exact.calls_are_samples = false;
  EXPECT_THAT(Dot(exact, options),
              HasSubstr("label=\"libc.so:0:read\\n(0.06)\\n0.06\\n6\xC3\x97\""));
}

TEST(WriteDot, PrunesStrictlyBelowTheThresholds) {
  CallTree tree;
  const auto main = tree.AddFunction({.name = "main"});
  const auto at = tree.AddFunction({.name = "at"});
  const auto below = tree.AddFunction({.name = "below"});
  tree.AddStack(std::vector{main}, TimeKind::kOnCpu, 990'001'000, 1);
  tree.AddStack(std::vector{main, at}, TimeKind::kOnCpu, 5'000'000, 1);
  tree.AddStack(std::vector{main, below}, TimeKind::kOnCpu, 4'999'000, 1);
  const CallGraph graph = BuildCallGraph(tree);
  EXPECT_THAT(Dot(graph, {}), HasSubstr("~:0:at"));
  EXPECT_THAT(Dot(graph, {}), Not(HasSubstr("~:0:below")));
  DotOptions options;
  options.selection.edge_threshold = 0.6;
  EXPECT_THAT(Dot(graph, options), HasSubstr("~:0:at"));
  EXPECT_THAT(Dot(graph, options), Not(HasSubstr("->")));
}

TEST(SelectGraph, KeepsDescendantsAndAncestors) {
  CallTree tree;
  const auto a = tree.AddFunction({.name = "a"});
  const auto b = tree.AddFunction({.name = "b"});
  const auto c = tree.AddFunction({.name = "c"});
  const auto d = tree.AddFunction({.name = "d"});
  tree.AddStack(std::vector{a, b, c}, TimeKind::kOnCpu, 10, 1);
  tree.AddStack(std::vector{a, d}, TimeKind::kOnCpu, 10, 1);
  const CallGraph graph = BuildCallGraph(tree);
  const auto names = [&graph](const GraphSelectionOptions& options) {
    std::string joined;
    const GraphSelection selection = SelectGraph(graph, options).value();
    for (const SelectedFunction& function : selection.functions) {
      joined += graph.functions[function.function].function.name;
    }
    return joined;
  };
  EXPECT_EQ(names({}), "abcd");
  EXPECT_EQ(names({.root = "*:b"}), "bc");
  EXPECT_EQ(names({.leaf = "*:b"}), "ab");
  EXPECT_EQ(names({.root = "*:a", .depth = 1}), "abd");
  EXPECT_EQ(names({.root = "~:0:a", .leaf = "*:[ad]", .depth = 0}), "a");
}

TEST(SelectGraph, SaysWhichRootIsMissing) {
  const Result<GraphSelection> selection =
      SelectGraph(testing::SampleGraph(), {.root = "*nothing*"});
  ASSERT_FALSE(selection);
  EXPECT_THAT(selection.error().message, HasSubstr("root '*nothing*'"));
}

TEST(SelectGraph, KeepsFilesUnderAPath) {
  const CallGraph graph = testing::SampleGraph();
  const GraphSelection selection = SelectGraph(graph, {.paths = {"/srv/app/p", "/lib"}}).value();
  ASSERT_EQ(selection.functions.size(), 2U);
  EXPECT_EQ(selection.edges.size(), 1U);  // parse calls itself
}

TEST(GraphNodeName, IsGprof2dots) {
  EXPECT_EQ(GraphNodeName({.name = "f", .file = "/a/b.c/views.py", .line = 7}), "views:7:f");
  EXPECT_EQ(GraphNodeName({.name = "f", .file = ".hidden"}), ".hidden:0:f");
  EXPECT_EQ(GraphNodeName({.name = "f", .module = "/lib/libc.so.6"}), "libc.so:0:f");
  EXPECT_EQ(GraphNodeName({.name = "<built-in>"}), "~:0:<built-in>");
}

TEST(ThemeColor, IsGprof2dots) {
  const ThemeStyle& color = StyleOf(DotTheme::kColor);
  EXPECT_EQ(ThemeColor(color, 1, 0), "#0d0d73");
  EXPECT_EQ(ThemeColor(color, 1, 1), "#ff0000");
  EXPECT_EQ(ThemeColor(color, 1, 7), "#ff0000");
  EXPECT_EQ(ThemeColor(StyleOf(DotTheme::kPrint), 0.1, 0.4), "#000000");
  EXPECT_EQ(ThemeColor(StyleOf(DotTheme::kPink), 1, 1), "#ff0000");
  EXPECT_NE(ThemeColor(color, 0.1, 0.2), ThemeColor(color, 1, 0.2));
}

TEST(DotName, StripsSignatures) {
  EXPECT_EQ(StripSignature("p:1:ns::f<a<b>, c>(int (*)(char)) const"), "p:1:ns::f");
  EXPECT_EQ(StripSignature("operator<<(std::ostream&)"), "operator<<");
  EXPECT_EQ(StripSignature("unbalanced(a"), "unbalanced(a");
  EXPECT_EQ(StripSignature("isconst"), "isconst");
  EXPECT_EQ(StripSignature("const"), "const");
}

TEST(DotName, WrapsAtThirtyTwoColumns) {
  EXPECT_EQ(WrapName("a, b"), "a,b");
  EXPECT_EQ(WrapName("x<y<z> >"), "x<y<z>>");
  EXPECT_EQ(WrapName("twelve chars and some more words to break"),
            "twelve chars and some more words\nto break");
  EXPECT_EQ(WrapName(std::string(50, 'x')), std::string(50, 'x'));
}

TEST(DotName, ShortensByCharacters) {
  EXPECT_EQ(ShortenName(std::string(4095, 'x')), std::string(4095, 'x'));
  EXPECT_EQ(ShortenName(std::string(4096, 'x')), std::string(4095, 'x') + "\xE2\x80\xA6");
  std::string euros;
  for (int i = 0; i < 5000; ++i) {
    euros += "\xE2\x82\xAC";
  }
  EXPECT_EQ(ShortenName(euros).size(), 4096U * 3);
}

}  // namespace
}  // namespace pinfo

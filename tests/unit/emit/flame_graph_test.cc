#include "collector/emit/flame_graph.h"

#include <random>
#include <regex>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/emit/file_io.h"
#include "collector/emit/xml_text.h"
#include "tests/unit/emit/testing.h"

namespace pinfo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct DrawnBox {
  int64_t x;
  int64_t width;
  int depth;
  std::string name;
};

std::vector<DrawnBox> BoxesOf(const std::string& svg) {
  static const std::regex kBox(
      "<g data-x=\"(\\d+)\" data-w=\"(\\d+)\" data-d=\"(\\d+)\" data-n=\"([^\"]*)\"");
  std::vector<DrawnBox> boxes;
  for (std::sregex_iterator it(svg.begin(), svg.end(), kBox), end; it != end; ++it) {
    boxes.push_back({std::stoll((*it)[1]), std::stoll((*it)[2]), std::stoi((*it)[3]), (*it)[4]});
  }
  return boxes;
}

// Well-formed XML, by Python's own parser.
testing::CommandResult ParseXml(const std::string& svg) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory / "x.svg";
  EXPECT_TRUE(WriteFileAtomically(path, svg));
  return testing::RunPython(
      fmt::format("import xml.dom.minidom\n"
                  "page = xml.dom.minidom.parse({:?})\n"
                  "print([t.firstChild.data for t in page.getElementsByTagName('title')])\n"
                  "assert len(page.getElementsByTagName('script')) == 1\n"
                  "assert not [a for e in page.getElementsByTagName('*') for a in "
                  "e.attributes.keys() if a.startswith('on') or a in ('style', 'href')]\n",
                  path));
}

TEST(FlameGraph, IsAsWideAsTheTimeIsLong) {
  const std::string svg =
      WriteFlameGraph(testing::SampleTree(), {.title = "request 7", .note = ""});
  const std::vector<DrawnBox> boxes = BoxesOf(svg);
  ASSERT_EQ(boxes.size(), 6U);
  EXPECT_EQ(boxes[0].name, "all");
  EXPECT_EQ(boxes[0].width, 200'000'000);
  EXPECT_EQ(boxes[1].name, "main");
  EXPECT_EQ(boxes[1].width, 100'000'000);
  EXPECT_THAT(svg, HasSubstr("on CPU 40 ms, 20.0%"));
  EXPECT_THAT(svg, HasSubstr("blocked 60 ms, 30.0%"));
  EXPECT_THAT(svg, HasSubstr("main (/srv/app/main.cc:10)\n100 ms, 50.00%; itself 0 ns; on CPU 40 "
                             "ms; blocked 60 ms; 10 samples"));
  EXPECT_EQ(ParseXml(svg).exit_status, 0);
}

// Children lie within their parent and beside each other, whatever the tree.
TEST(FlameGraph, BoxesNestAndAddUp) {
  std::mt19937_64 random(5);
  CallTree tree;
  for (int i = 0; i < 400; ++i) {
    std::vector<CallTree::FunctionIndex> stack;
    for (uint64_t depth = random() % 9; depth-- > 0;) {
      stack.push_back(tree.AddFunction({.name = fmt::format("f{}", random() % 6)}));
    }
    tree.AddStack(stack, static_cast<TimeKind>(random() % kTimeKindCount),
                  static_cast<int64_t>(random() % 1'000'000), 1);
  }
  const std::vector<DrawnBox> boxes = BoxesOf(WriteFlameGraph(tree, {.title = "", .note = ""}));
  EXPECT_EQ(boxes[0].width, tree.TotalNs());
  for (const DrawnBox& a : boxes) {
    for (const DrawnBox& b : boxes) {
      if (&a != &b && a.depth == b.depth) {
        EXPECT_TRUE(a.x + a.width <= b.x || b.x + b.width <= a.x);
      }
    }
    EXPECT_TRUE(a.depth == 0 || std::any_of(boxes.begin(), boxes.end(), [&](const DrawnBox& b) {
                  return b.depth == a.depth - 1 && b.x <= a.x && a.x + a.width <= b.x + b.width;
                }));
  }
}

TEST(FlameGraph, ANameIsNeverMarkup) {
  CallTree tree;
  for (const std::string& name :
       {std::string("</title><script>alert(1)</script>"), std::string("]]>\" onload='x'"),
        std::string("\x01\x08 nul\0 x", 10), std::string("\xFF\xFE\xEF\xBF\xBF"),
        std::string(3000, '<')}) {
    const auto function = tree.AddFunction({.name = name, .file = name.substr(0, 40)});
    tree.AddStack(std::vector{function}, TimeKind::kBlocked, 10, 1);
  }
  const std::string svg = WriteFlameGraph(tree, {.title = "<b>&", .note = "]]></script>"});
  const testing::CommandResult parsed = ParseXml(svg);
  EXPECT_EQ(parsed.exit_status, 0) << parsed.output;
  EXPECT_THAT(parsed.output, HasSubstr("</title><script>alert(1)</script>"));
  EXPECT_THAT(parsed.output, HasSubstr("'<b>&'"));
}

TEST(FlameGraph, FetchesNothing) {
  const std::string svg = WriteFlameGraph(testing::SampleTree(), {.title = "", .note = ""});
  std::string rest = svg;
  for (const std::string name :
       {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}) {  // names, not addresses
    for (size_t at; (at = rest.find(name)) != std::string::npos;) {
      rest.erase(at, name.size());
    }
  }
  EXPECT_THAT(rest, Not(HasSubstr("://")));
}

TEST(FlameGraph, LeavesOutWhatIsTooNarrowAndSaysSo) {
  CallTree tree;
  tree.AddStack(std::vector{tree.AddFunction({.name = "wide"})}, TimeKind::kOnCpu, 1'000'000, 1);
  tree.AddStack(std::vector{tree.AddFunction({.name = "narrow"})}, TimeKind::kOnCpu, 1, 1);
  const std::string svg = WriteFlameGraph(tree, {.title = "", .note = ""});
  EXPECT_THAT(svg, Not(HasSubstr("narrow (")));
  EXPECT_EQ(BoxesOf(svg).size(), 2U);
  EXPECT_THAT(svg, HasSubstr("1 boxes narrower than 0.005% are left out"));
}

TEST(FlameGraph, AnEmptyProfileIsAPictureToo) {
  EXPECT_EQ(ParseXml(WriteFlameGraph({}, {.title = "nothing", .note = ""})).exit_status, 0);
}

TEST(FlameComparison, IsRedWhereItGrewAndTellsWhatIsGone) {
  CallTree before = testing::SampleTree();
  before.AddStack(std::vector{before.AddFunction({.name = "gone"})}, TimeKind::kOnCpu, 5'000'000,
                  1);
  CallTree after = testing::SampleTree();
  after.AddStack(std::vector{after.AddFunction({.name = "new"})}, TimeKind::kOnCpu, 9'000'000, 1);
  const std::string svg =
      WriteFlameComparison(CompareTrees(before, after), {.title = "x", .note = "compared"});
  EXPECT_EQ(BoxesOf(svg)[0].width, 209'000'000);
  EXPECT_THAT(svg,
              HasSubstr("9 ms, 4.31%; itself 9 ms; on CPU 9 ms; 1 samples\nbefore 0 ns: +9 ms"));
  EXPECT_THAT(svg,
              HasSubstr("compared; 209 ms now, 205 ms before; 5 ms of before in stacks that are "
                        "no more"));
  EXPECT_THAT(svg, HasSubstr("fill=\"#f03c3c\" data-a=\"0\""));
  EXPECT_EQ(ParseXml(svg).exit_status, 0);
}

TEST(XmlText, HasOnlyCharactersOfXml) {
  EXPECT_EQ(XmlText("a<b>&\"'\t\n"), "a&lt;b&gt;&amp;&quot;&#39;\t\n");
  EXPECT_EQ(XmlText("\x1B[0m\x7F"), "\xEF\xBF\xBD[0m\x7F");
  EXPECT_EQ(XmlText("\xEF\xBF\xBF\xC3\xA9"), "\xEF\xBF\xBD\xC3\xA9");
}

}  // namespace
}  // namespace pinfo

#include "collector/emit/stats_table.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/emit/file_io.h"
#include "collector/emit/pstats_reader.h"
#include "collector/emit/regular_expression.h"
#include "collector/emit/stats_browser.h"
#include "tests/unit/emit/testing.h"

namespace pinfo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Names(const CallGraph& graph, const StatsTableOptions& options) {
  std::vector<std::string> names;
  const std::vector<CallGraph::FunctionIndex> lines = SelectFunctions(graph, options).value();
  for (const CallGraph::FunctionIndex index : lines) {
    names.push_back(graph.functions[index].function.name.substr(0, 9));
  }
  return names;
}

StatsTableOptions SortedBy(const std::string& keys) {
  StatsTableOptions options;
  options.sort = ParseSortKeys(keys).value();
  return options;
}

TEST(ParseSortKeys, TakesUniquePrefixes) {
  EXPECT_THAT(ParseSortKeys("cumtime").value(), ElementsAre(StatsSortKey::kTotalTime));
  EXPECT_THAT(ParseSortKeys("cum").value(), ElementsAre(StatsSortKey::kTotalTime));
  EXPECT_THAT(ParseSortKeys("tot,nf").value(),
              ElementsAre(StatsSortKey::kSelfTime, StatsSortKey::kNameFileLine));
  EXPECT_THAT(ParseSortKeys("c").error().message, HasSubstr("ambiguous"));
  EXPECT_THAT(ParseSortKeys("n").error().message, HasSubstr("ambiguous"));
  EXPECT_THAT(ParseSortKeys("speed").error().message, HasSubstr("unknown"));
  EXPECT_THAT(ParseSortKeys("time,").error().message, HasSubstr("''"));
}

TEST(ParseRestriction, TriesNumberShareAndExpression) {
  EXPECT_EQ(std::get<int64_t>(ParseRestriction("30").value()), 30);
  EXPECT_EQ(std::get<double>(ParseRestriction("0.25").value()), 0.25);
  EXPECT_EQ(std::get<std::string>(ParseRestriction("json|re").value()), "json|re");
  EXPECT_FALSE(ParseRestriction("-3"));
  EXPECT_FALSE(ParseRestriction("1.5"));
  EXPECT_FALSE(ParseRestriction("nan"));
  EXPECT_THAT(ParseRestriction("(").error().message, HasSubstr("regular expression"));
}

TEST(SelectFunctions, SortsAndRestrictsInOrder) {
  const CallGraph graph = testing::SampleGraph();
  EXPECT_THAT(Names(graph, SortedBy("tottime")),
              ElementsAre("[waiting]", "read", "ns::parse", "main"));
  EXPECT_THAT(Names(graph, SortedBy("name")),
              ElementsAre("[waiting]", "main", "ns::parse", "read"));
  EXPECT_THAT(Names(graph, SortedBy("calls")),
              ElementsAre("main", "read", "ns::parse", "[waiting]"));
  // Equal times stay in order, unless a second key tells them apart.
  EXPECT_THAT(Names(graph, SortedBy("cumtime")),
              ElementsAre("main", "[waiting]", "read", "ns::parse"));
  EXPECT_THAT(Names(graph, SortedBy("cumtime,name")),
              ElementsAre("[waiting]", "main", "read", "ns::parse"));
  StatsTableOptions options = SortedBy("calls");
  options.restrictions = {int64_t{3}, std::string("main\\.cc|libc")};
  EXPECT_THAT(Names(graph, options), ElementsAre("main", "read"));
  options.restrictions = {0.5};
  options.reverse = true;
  EXPECT_THAT(Names(graph, options), ElementsAre("[waiting]", "ns::parse"));
}

TEST(FormatStatsTable, SaysThatCallsAreSamples) {
  StatsTableOptions options;
  options.restrictions = {int64_t{2}};
  EXPECT_EQ(FormatStatsTable(testing::SampleGraph(), options, {"now    request 7"}),
            "now    request 7\n"
            "\n"
            "         4 functions in 0.200 seconds; sampled: ncalls counts samples, not calls\n"
            "\n"
            "   Ordered by: cumulative time\n"
            "   List reduced from 4 to 2 due to restriction <2>\n"
            "\n"
            "   ncalls  tottime  percall  cumtime  percall filename:lineno(function)\n"
            "       10    0.000    0.000    0.100    0.010 /srv/app/main.cc:10(main)\n"
            "        1    0.100    0.100    0.100    0.100 [waiting]\n"
            "\n"
            "\n");
}

// A profile that Python's cProfile wrote: recursion, built-ins, names beyond ASCII, equal counts.
class AgainstPython : public ::testing::Test {
 protected:
  static constexpr const char* kProfiled = R"(
import cProfile, json
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def größe(): return [sorted(str(v)) for v in range(200)]
def work():
    größe(); json.dumps({'a': [1, 2, {'b': None}]}, indent=1); fib(9)
    return [len(str(v)) for v in range(500)]
def other(): return json.loads('[1, 2, {"x": 3}]') and fib(5)
for name, run in zip(PATHS, (work, other)):
    profile = cProfile.Profile()
    profile.runcall(run)
    profile.dump_stats(name)
)";

  void SetUp() override {
    const testing::CommandResult python =
        testing::RunPython(fmt::format("PATHS = {:?}, {:?}\n{}", first_, second_, kProfiled));
    ASSERT_EQ(python.exit_status, 0) << python.output;
  }

  // What pstats prints after `stats`, a chain of calls on its Stats of these files.
  std::string Python(const std::string& files, const std::string& calls) const {
    const testing::CommandResult done =
        testing::RunPython(fmt::format("import pstats\npstats.Stats({}){}\n", files, calls));
    EXPECT_EQ(done.exit_status, 0) << done.output;
    return done.output;
  }
  CallGraph Read(const std::string& path) const {
    const Result<std::string> bytes = ReadFile(path, kMaxStatsFileBytes);
    return DecodePstats(bytes.value(), FunctionOrder::kKeys).value();
  }
  // The table without its head of files, of which ours has no times here.
  static std::string Body(const std::string& text) {
    const size_t at = text.find(" function calls");
    return text.substr(text.rfind('\n', at) + 1);
  }

  const testing::TemporaryDirectory directory_;
  const std::string first_ = directory_ / "first.stats";
  const std::string second_ = directory_ / "second.stats";
  const std::string quoted_ = fmt::format("{:?}", first_);
};

TEST_F(AgainstPython, EveryTableIsEqualToTheByte) {
  const CallGraph graph = Read(first_);
  const std::vector<std::pair<std::string, StatsTableOptions>> cases = {
      {"", {.sort = {}, .reverse = false, .restrictions = {}}},
      {".sort_stats('cumtime', 'stdname')", SortedBy("cumtime,stdname")},
      {".sort_stats('calls')", SortedBy("calls")},
      {".sort_stats('pcalls', 'line')", SortedBy("pcalls,line")},
      {".sort_stats('tottime', 'name')", SortedBy("tottime,name")},
      {".sort_stats('filename')", SortedBy("filename")},
      {".sort_stats('nfl')", SortedBy("nfl")},
      {".sort_stats('stdname')", SortedBy("stdname")},
      {".sort_stats('module').reverse_order()", [] {
         StatsTableOptions options = SortedBy("module");
         options.reverse = true;
         return options;
       }()}};
  const std::vector<std::pair<std::string, std::vector<StatsRestriction>>> restrictions = {
      {"", {}},
      {"7", {int64_t{7}}},
      {"0.3", {0.3}},
      {"'json|fib'", {std::string("json|fib")}},
      {"r'\\d+\\(\\w+\\)$', 0.5, 3", {std::string("\\d+\\(\\w+\\)$"), 0.5, int64_t{3}}},
      {"\"it's\"", {std::string("it's")}},
      {"'größe'", {std::string("größe")}}};
  // One interpreter for all of them: its start takes longer than the tables.
  std::string script = fmt::format("import pstats\nPATH = {:?}\n", first_);
  std::vector<std::string> ours;
  for (const auto& [sort, options] : cases) {
    for (const auto& [arguments, wanted] : restrictions) {
      StatsTableOptions restricted = options;
      restricted.restrictions = wanted;
      ours.push_back(FormatStatsTable(graph, restricted, {}));
      script +=
          fmt::format("pstats.Stats(PATH){}.print_stats({})\nprint('=====')\n", sort, arguments);
    }
  }
  const testing::CommandResult python = testing::RunPython(script);
  ASSERT_EQ(python.exit_status, 0) << python.output;
  size_t at = 0;
  for (const std::string& table : ours) {
    const size_t end = python.output.find("=====\n", at);
    ASSERT_NE(end, std::string::npos);
    EXPECT_EQ(table, Body(python.output.substr(at, end - at)));
    at = end + 6;
  }
}

TEST_F(AgainstPython, CallersAndCalleesAreEqualToTheByte) {
  const CallGraph graph = Read(first_);
  const StatsTableOptions all = SortedBy("cumtime,stdname");
  StatsTableOptions some = all;
  some.restrictions = {std::string("fib|json"), int64_t{4}};
  const std::string sort = ".sort_stats('cumtime', 'stdname')";
  EXPECT_EQ(FormatCallers(graph, all), Python(quoted_, sort + ".print_callers()"));
  EXPECT_EQ(FormatCallees(graph, all), Python(quoted_, sort + ".print_callees()"));
  EXPECT_EQ(FormatCallers(graph, some), Python(quoted_, sort + ".print_callers('fib|json', 4)"));
  EXPECT_EQ(FormatCallees(graph, some), Python(quoted_, sort + ".print_callees('fib|json', 4)"));
}

TEST_F(AgainstPython, SeveralFilesAddUpAlsoWithoutDirectories) {
  const CallGraph sum = MergeCallGraphs(Read(first_), Read(second_));
  const std::string files = fmt::format("{:?}, {:?}", first_, second_);
  const StatsTableOptions options = SortedBy("calls,stdname");
  const std::string sorted = ".sort_stats('calls', 'stdname').print_stats()";
  EXPECT_EQ(FormatStatsTable(sum, options, {}), Body(Python(files, sorted)));
  EXPECT_EQ(FormatStatsTable(StripDirectories(sum), options, {}),
            Body(Python(files, ".strip_dirs()" + sorted)));
}

// Both browsers get the same lines on a pipe: the same text comes out, prompts included.
TEST_F(AgainstPython, TheBrowserAnswersAsPythonsDoes) {
  const std::string commands = fmt::format(
      "help\nhelp sort\n? stats\nhelp nothing\nsort\nsort nonsense\nsort calls stdname\nstats "
      "5\n\nstats json 0.5\nstats 1.5 fib\nreverse\nstats 3\ncallers fib\ncallees work\nadd "
      "{1}\nsort cumtime stdname\nstats 4\nstrip\nstats fib\nsort nfl\ncallers 2\nfrobnicate "
      "now\nstats nothing-like-this\nread {1}\nsort stdname\nstats\nread\nsort file\nstats "
      "2\nquit\n",
      first_, second_);
  const std::string file = directory_ / "commands";
  ASSERT_TRUE(WriteFileAtomically(file, commands));
  const testing::CommandResult python =
      testing::RunCommand(fmt::format("/usr/bin/python3 -m pstats {} < {}", first_, file));
  ASSERT_EQ(python.exit_status, 0) << python.output;

  StatsBrowser browser([this](const std::string& name) -> Result<BrowsedStats> {
    return BrowsedStats{.graph = Read(name), .sources = {"TIME    " + name}};
  });
  std::string text = "Welcome to the profile statistics browser.\n";
  browser.Start(first_, {.graph = Read(first_), .sources = {"TIME    " + first_}});
  for (size_t at = 0; !browser.done();) {
    const size_t end = commands.find('\n', at);
    text += browser.prompt();  // before Execute, which may change it
    text += browser.Execute(commands.substr(at, end - at));
    at = end + 1;
  }
  text += "Goodbye.\n";
  constexpr size_t kTimeLength = 24;  // "Sat Nov 21 08:50:38 2026", which is not ours to give here
  std::string expected = python.output;
  for (const std::string& path : {first_, second_}) {
    for (size_t at = 0; (at = expected.find("    " + path + "\n", at)) != std::string::npos; ++at) {
      expected.replace(at - kTimeLength, kTimeLength, "TIME");
      at -= kTimeLength - 4;
    }
  }
  EXPECT_EQ(text, expected);
}

TEST(StatsBrowser, SaysWhatItLacks) {
  StatsBrowser browser(
      [](const std::string& name) -> Result<BrowsedStats> { return Fail("there is no " + name); });
  EXPECT_EQ(browser.Execute("stats"), "No statistics object is loaded.\n");
  EXPECT_EQ(browser.Execute("add x"), "No statistics object is loaded.\n");
  EXPECT_EQ(browser.Execute("read"), "No statistics object is current -- cannot reload.\n");
  EXPECT_EQ(browser.Execute("read x"), "there is no x\n");
  EXPECT_EQ(browser.Execute("  "), "there is no x\n");  // the last one again
  EXPECT_EQ(browser.prompt(), "% ");
  EXPECT_EQ(browser.Execute("EOF"), "\n");
  EXPECT_TRUE(browser.done());
}

TEST(StatsBrowser, CompletesCommandsAndSortKeys) {
  EXPECT_THAT(StatsBrowser::Completions("c"), ElementsAre("callees", "callers"));
  EXPECT_THAT(StatsBrowser::Completions("help so"), ElementsAre("sort"));
  EXPECT_THAT(StatsBrowser::Completions("sort calls t"), ElementsAre("time", "tottime"));
  EXPECT_TRUE(StatsBrowser::Completions("stats f").empty());
}

TEST(RegularExpression, IsBoundedAndSaysWhatIsWrong) {
  EXPECT_THAT(RegularExpression::Compile("a(").error().message, HasSubstr("at character 2"));
  const RegularExpression slow = RegularExpression::Compile("(x+x+)+y").value();
  EXPECT_FALSE(slow.Matches(std::string(5000, 'x')));
  EXPECT_TRUE(RegularExpression::Compile("^main$").value().Matches("main"));
}

}  // namespace
}  // namespace pinfo

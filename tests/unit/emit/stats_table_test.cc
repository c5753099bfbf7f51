#include "collector/emit/stats_table.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/emit/pstats_reader.h"
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
  EXPECT_EQ(FormatStatsTable(testing::SampleGraph(), options).value(),
            "         4 functions in 0.200 seconds; sampled: ncalls counts samples, not calls\n"
            "\n"
            "   Ordered by: cumulative time\n"
            "   2 of 4 functions shown\n"
            "\n"
            "   ncalls  tottime  percall  cumtime  percall filename:lineno(function)\n"
            "       10    0.000    0.000    0.100    0.010 /srv/app/main.cc:10(main)\n"
            "        1    0.100    0.100    0.100    0.100 [waiting]\n");
}

TEST(FormatStatsTable, PrintsTheLinesThatPythonPrints) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory / "c.stats";
  const testing::CommandResult python = testing::RunPython(fmt::format(R"(
import cProfile, pstats
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def work(): return [sorted(str(v)) for v in range(2000)] and fib(12)
profile = cProfile.Profile()
profile.runcall(work)
profile.dump_stats({0:?})
pstats.Stats({0:?}).sort_stats('calls', 'stdname').print_stats()
)",
                                                                       path));
  ASSERT_EQ(python.exit_status, 0) << python.output;
  const Result<CallGraph> graph = ReadStatsFile(path);
  ASSERT_TRUE(graph) << graph.error().message;
  const std::string table = FormatStatsTable(*graph, SortedBy("calls,stdname")).value();
  const size_t lines = table.find("   ncalls");
  ASSERT_NE(lines, std::string::npos);
  EXPECT_THAT(python.output, HasSubstr(table.substr(lines)));
  EXPECT_THAT(python.output, HasSubstr(table.substr(0, table.find('\n'))));
}

}  // namespace
}  // namespace pinfo

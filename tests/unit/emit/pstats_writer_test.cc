#include "collector/emit/pstats_writer.h"

#include <cstdlib>
#include <ctime>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/emit/pstats_reader.h"
#include "tests/unit/emit/testing.h"

namespace pinfo {
namespace {

using ::testing::HasSubstr;

TEST(WriteStatsFile, PythonReadsBackEveryFigure) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory / "x.stats";
  ASSERT_TRUE(WriteStatsFile(testing::SampleGraph(), path));
  const testing::CommandResult result = testing::RunPython(fmt::format(R"(
import marshal
stats = marshal.load(open({:?}, 'rb'))
main = ('/srv/app/main.cc', 10, 'main')
parse = ('/srv/app/parse.cc', 42, 'ns::parse<int>(char const*) const')
read = ('/lib/x86_64-linux-gnu/libc.so.6', 0, 'read')
assert stats == {{
    main: (10, 10, 0.0, 0.1, {{}}),
    parse: (4, 4, 0.04, 0.04, {{main: (4, 4, 0.01, 0.04), parse: (3, 3, 0.03, 0.03)}}),
    read: (6, 6, 0.06, 0.06, {{main: (6, 6, 0.06, 0.06)}}),
    ('~', 0, '[waiting]'): (1, 1, 0.1, 0.1, {{}}),
}}, stats
)",
                                                                       path));
  EXPECT_EQ(result.exit_status, 0) << result.output;
}

TEST(WriteStatsFile, PstatsPrintsSortsAndAddsIt) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory / "x.stats";
  ASSERT_TRUE(WriteStatsFile(testing::SampleGraph(), path));
  const testing::CommandResult result = testing::RunCommand(
      fmt::format("printf 'sort cumtime\\nstats\\ncallers parse\\ncallees main\\nadd {0}\\nstats "
                  "read\\nquit\\n' | /usr/bin/python3 -m pstats {0}",
                  path));
  EXPECT_EQ(result.exit_status, 0) << result.output;
  EXPECT_THAT(result.output, HasSubstr("21 function calls in 0.200 seconds"));
  EXPECT_THAT(result.output,
              HasSubstr("       10    0.000    0.000    0.100    0.010 /srv/app/main.cc:10(main)"));
  EXPECT_THAT(result.output, HasSubstr("0.100    0.100 [waiting]"));
  EXPECT_THAT(result.output, HasSubstr("<-       4    0.010    0.040  /srv/app/main.cc:10(main)"));
  // Added to itself: twice the samples and the time.
  EXPECT_THAT(result.output, HasSubstr("       12    0.120    0.010    0.120    0.010 /lib/"));
}

TEST(WriteStatsFile, PythonLoadsHostileNamesAndLargeCounts) {
  const testing::TemporaryDirectory directory;
  CallTree tree;
  const auto odd = tree.AddFunction({.name = "a\n\"b\xFF\xED\xA0\x80", .file = "\xC3\xA9.cc"});
  tree.AddStack(std::vector{odd}, TimeKind::kOnCpu, int64_t{1} << 60, int64_t{1} << 40);
  const std::string path = directory / "odd.stats";
  ASSERT_TRUE(WriteStatsFile(BuildCallGraph(tree), path));
  const testing::CommandResult result = testing::RunPython(
      fmt::format("import marshal, pstats\n"
                  "stats = marshal.load(open({0:?}, 'rb'))\n"
                  "(key, value), = stats.items()\n"
                  "assert key == ('\\u00e9.cc', 0, 'a\\n\"b' + 4 * '\\ufffd'), key\n"
                  "assert value == (2**40, 2**40, 2**60 / 1e9, 2**60 / 1e9, {{}}), value\n"
                  "pstats.Stats({0:?}).print_stats()\n",
                  path));
  EXPECT_EQ(result.exit_status, 0) << result.output;
}

TEST(WriteStatsFile, RefusesAnEmptyProfile) {
  const Status status = WriteStatsFile({}, "/nonexistent/x.stats");
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("the profile is empty"));
}

TEST(EncodePstats, IsReadBackByOurselves) {
  const CallGraph written = testing::SampleGraph();
  const Result<CallGraph> read = DecodePstats(EncodePstats(written));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->functions.size(), written.functions.size());
  EXPECT_EQ(EncodePstats(*read), EncodePstats(written));
  EXPECT_TRUE(read->calls_are_samples);
}

class StatsFileNameTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TZ", "Asia/Kolkata", 1);
    ::tzset();
  }
  void TearDown() override {
    ::unsetenv("TZ");
    ::tzset();
  }
};

TEST_F(StatsFileNameTest, IsLocalTimeWithMicroseconds) {
  // 2014-09-22 19:11:24.141143288 UTC, half past five hours ahead there.
  EXPECT_EQ(StatsFileName(1411413084'141143288, "GET", 42),
            "23-Sep-2014_00-41-24.141143_GET_42.stats");
  EXPECT_EQ(StatsFileName(-1, "GET", 1), "01-Jan-1970_05-29-59.999999_GET_1.stats");
}

TEST_F(StatsFileNameTest, KeepsTheNetworkOutOfThePath) {
  EXPECT_EQ(StatsFileName(0, "../../x", 7), "01-Jan-1970_05-30-00.000000_______x_7.stats");
  EXPECT_EQ(StatsFileName(0, "M-SEARCH", 7), "01-Jan-1970_05-30-00.000000_M-SEARCH_7.stats");
  EXPECT_EQ(StatsFileName(0, "", 7), "01-Jan-1970_05-30-00.000000_UNKNOWN_7.stats");
  EXPECT_LT(StatsFileName(0, std::string(5000, 'A'), 7).size(), 100U);
}

}  // namespace
}  // namespace pinfo

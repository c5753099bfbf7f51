#include "collector/emit/pstats_reader.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "collector/emit/file_io.h"
#include "collector/emit/marshal.h"
#include "collector/emit/pstats_writer.h"
#include "tests/unit/emit/testing.h"

namespace pinfo {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::string_view bytes) {
  const Result<CallGraph> graph = DecodePstats(bytes);
  return graph ? "accepted" : graph.error().message;
}

// The graph as Python would print it, so that Python itself can be the judge.
std::string Describe(const CallGraph& graph) {
  std::vector<std::string> lines;
  for (const CallGraph::FunctionCost& cost : graph.functions) {
    lines.push_back(fmt::format("{} {} {} {} {} {} {}", SourceName(cost.function),
                                cost.function.line, cost.function.name, cost.primitive_calls,
                                cost.calls, cost.self_ns, cost.total_ns));
  }
  for (const CallGraph::Edge& edge : graph.edges) {
    lines.push_back(fmt::format("{} -> {} {} {} {} {}", graph.functions[edge.caller].function.name,
                                graph.functions[edge.callee].function.name, edge.calls,
                                edge.primitive_calls, edge.self_ns, edge.total_ns));
  }
  std::sort(lines.begin(), lines.end());
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

TEST(ReadStatsFile, ReadsWhatCProfileWrites) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory / "c.stats";
  const testing::CommandResult python = testing::RunPython(fmt::format(R"(
import cProfile, json, marshal
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def work(): json.loads(json.dumps([fib(9)] * 50)); return sorted(range(99), key=lambda v: -v)
profile = cProfile.Profile()
profile.runcall(work)
profile.dump_stats({0:?})
lines = []
for (file, line, name), (cc, nc, tt, ct, callers) in marshal.load(open({0:?}, 'rb')).items():
    lines.append('%s %d %s %d %d %d %d' % (file, line, name, cc, nc, round(tt * 1e9), round(ct * 1e9)))
    for (_, _, caller), (nc, cc, tt, ct) in callers.items():
        lines.append('%s -> %s %d %d %d %d' % (caller, name, nc, cc, round(tt * 1e9), round(ct * 1e9)))
print('\n'.join(sorted(lines)))
)",
                                                                       path));
  ASSERT_EQ(python.exit_status, 0) << python.output;
  const Result<CallGraph> graph = ReadStatsFile(path);
  ASSERT_TRUE(graph) << graph.error().message;
  EXPECT_FALSE(graph->calls_are_samples);
  EXPECT_GT(graph->functions.size(), 8U);
  EXPECT_EQ(Describe(*graph), python.output);
}

TEST(ReadStatsFile, ReadsEveryMarshalVersionAndTheProfileModule) {
  const testing::TemporaryDirectory directory;
  const testing::CommandResult python = testing::RunPython(fmt::format(R"(
import marshal
stats = {{('f.py', 1, 'f'): (1, 2, 0.5, 1.5, {{('g.py', 2, 'g'): (2, 1, 0.5, 1.5)}}),
         ('g.py', 2, 'g'): (1, 1, 0.25, 1.75, {{}})}}
for version in range(5):
    open({0:?} + '/v%d' % version, 'wb').write(marshal.dumps(stats, version))
stats['f.py', 1, 'f'] = (1, 4, 0.5, 2.0, {{('g.py', 2, 'g'): 3}})
open({0:?} + '/profile', 'wb').write(marshal.dumps(stats))
)",
                                                                       directory.path()));
  ASSERT_EQ(python.exit_status, 0) << python.output;
  for (int version = 0; version < 5; ++version) {
    const Result<CallGraph> graph = ReadStatsFile(directory / fmt::format("v{}", version));
    ASSERT_TRUE(graph) << graph.error().message;
    EXPECT_EQ(Describe(*graph),
              "f.py 1 f 1 2 500000000 1500000000\n"
              "g -> f 2 1 500000000 1500000000\n"
              "g.py 2 g 1 1 250000000 1750000000\n");
  }
  const Result<CallGraph> shared = ReadStatsFile(directory / "profile");
  ASSERT_TRUE(shared) << shared.error().message;
  ASSERT_EQ(shared->edges.size(), 1U);
  EXPECT_EQ(shared->edges[0].calls, 3);
  EXPECT_EQ(shared->edges[0].total_ns, 1'500'000'000);  // 3 of 4 calls of 2 s
}

TEST(ReadStatsFile, NamesTheFileInErrors) {
  const testing::TemporaryDirectory directory;
  ASSERT_TRUE(WriteFileAtomically(directory / "bad.stats", "hello"));
  EXPECT_THAT(ReadStatsFile(directory / "bad.stats").error().message,
              HasSubstr("bad.stats: not a stats file"));
  EXPECT_THAT(ReadStatsFile(directory / "none.stats").error().message, HasSubstr("none.stats"));
}

void WriteKey(MarshalWriter& writer, int64_t line = 1) {
  writer.BeginTuple(3);
  writer.String("f.py");
  writer.Int(line);
  writer.String("f");
}

std::string OneFunction(int64_t calls, double seconds, int64_t line = 1) {
  MarshalWriter writer;
  writer.BeginDict();
  WriteKey(writer, line);
  writer.BeginTuple(5);
  writer.Int(calls);
  writer.Int(calls);
  writer.Float(seconds);
  writer.Float(seconds);
  writer.BeginDict();
  writer.EndDict();
  writer.EndDict();
  return std::move(writer).Take();
}

TEST(DecodePstats, RefusesWhatIsNoProfile) {
  EXPECT_EQ(ErrorOf(OneFunction(1, 0.5)), "accepted");
  EXPECT_THAT(ErrorOf("{0"), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("N"), HasSubstr("no dict"));
  EXPECT_THAT(ErrorOf("{NN0"), HasSubstr("key is not (file, line, name)"));
  EXPECT_THAT(ErrorOf(OneFunction(-1, 0.5)), HasSubstr("out of range"));
  EXPECT_THAT(ErrorOf(OneFunction(1, 1e300)), HasSubstr("out of range"));
  EXPECT_THAT(ErrorOf(OneFunction(1, std::nan(""))), HasSubstr("out of range"));
  EXPECT_THAT(ErrorOf(OneFunction(1, 0.5, int64_t{1} << 40)), HasSubstr("key is not"));
}

TEST(DecodePstats, EveryTruncationIsAnError) {
  const std::string bytes = EncodePstats(testing::SampleGraph());
  for (size_t length = 0; length < bytes.size(); ++length) {
    ASSERT_FALSE(DecodePstats(std::string_view(bytes).substr(0, length))) << length;
  }
}

TEST(DecodePstats, AnyBytesGiveAGraphOrAnError) {
  const std::string bytes = EncodePstats(testing::SampleGraph());
  std::mt19937 random(11);
  size_t refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string damaged = bytes;
    for (int flips = 1 + static_cast<int>(random() % 4); flips > 0; --flips) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    const Result<CallGraph> graph = DecodePstats(damaged);
    refused += graph ? 0 : 1;
    if (graph) {
      EXPECT_TRUE(DecodePstats(EncodePstats(*graph)));
    }
  }
  EXPECT_GT(refused, 500U);
}

// A dict of callers that every function refers to is copied for each of them: a few KiB would
// become gigabytes.
TEST(DecodePstats, RefusesCallersSharedOverAndOver) {
  using std::string_literals::operator""s;
  constexpr int kMany = 3000;
  const auto key = [](int line) {
    MarshalWriter writer;
    WriteKey(writer, line);
    return std::move(writer).Take();
  };
  std::string callers = "\xFB"s;  // a flagged dict: reference 0
  for (int i = 0; i < kMany; ++i) {
    callers += key(i) + "i\1\0\0\0"s;
  }
  callers += '0';
  std::string bytes = "{";
  for (int i = 0; i < kMany; ++i) {
    bytes += key(i) + ")\5i\1\0\0\0i\1\0\0\0i\0\0\0\0i\0\0\0\0"s;
    bytes += i == 0 ? callers : "r\0\0\0\0"s;
  }
  bytes += '0';
  EXPECT_THAT(ErrorOf(bytes), HasSubstr("more callers"));
}

}  // namespace
}  // namespace pinfo

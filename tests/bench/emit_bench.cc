// What it costs to write a profile: a request's stats file, and graphs of large profiles.
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "collector/emit/accumulated_stats.h"
#include "collector/emit/dot.h"
#include "collector/emit/flame_graph.h"
#include "collector/emit/pprof.h"
#include "collector/emit/pstats_writer.h"

namespace pinfo {
namespace {

// So many functions, each called from a few places; stacks of 20 frames, as a web framework has.
CallTree MakeTree(int64_t functions) {
  std::mt19937_64 random(1);
  CallTree tree;
  std::vector<CallTree::FunctionIndex> indices;
  for (int64_t i = 0; i < functions; ++i) {
    indices.push_back(tree.AddFunction(
        {.name = fmt::format("package::module_{}::function_name_{}(int, char const*)", i % 40, i),
         .file = fmt::format("/usr/lib/python3/dist-packages/package/module_{}.py", i % 40),
         .line = static_cast<int32_t>(i)}));
  }
  std::vector<CallTree::FunctionIndex> stack;
  for (int64_t i = 0; i < functions * 2; ++i) {
    stack.clear();
    for (uint64_t depth = 0; depth < 20; ++depth) {
      // A function calls those near it, so that the number of edges is as in programs.
      stack.push_back(
          indices[(static_cast<uint64_t>(i) / 2 + depth * 7 + random() % 3) % indices.size()]);
    }
    tree.AddStack(stack, TimeKind::kOnCpu, 1'000'000 + static_cast<int64_t>(random() % 1'000'000),
                  1);
  }
  return tree;
}

void BM_StatsFile(benchmark::State& state) {
  const CallTree tree = MakeTree(state.range(0));
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() / fmt::format("pinfo-emit-bench-{}", state.range(0));
  std::filesystem::create_directories(directory);
  for (auto _ : state) {
    const Status status = WriteStatsFile(BuildCallGraph(tree), (directory / "x.stats").string());
    if (!status) {
      state.SkipWithError(status.error().message.c_str());
    }
  }
  std::filesystem::remove_all(directory);
}
BENCHMARK(BM_StatsFile)->Arg(50)->Arg(200)->Arg(500)->Unit(benchmark::kMicrosecond);

// One more request into files that hold 2,000 functions already.
void BM_Accumulate(benchmark::State& state) {
  const CallGraph large = BuildCallGraph(MakeTree(2000));
  const CallGraph request = BuildCallGraph(MakeTree(200));
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() / "pinfo-accumulate-bench";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  AccumulatedStats stats(directory.string());
  stats.Add("site", "/route", large);
  if (!stats.Flush()) {
    state.SkipWithError("the files cannot be written");
  }
  for (auto _ : state) {
    stats.Add("site", "/route", request);
    benchmark::DoNotOptimize(stats.Flush());
  }
  std::filesystem::remove_all(directory);
}
BENCHMARK(BM_Accumulate)->Unit(benchmark::kMillisecond);

void BM_GraphToDot(benchmark::State& state) {
  const CallTree tree = MakeTree(state.range(0));
  DotOptions options;
  options.selection.node_threshold = 0;  // all of it is drawn
  options.selection.edge_threshold = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(WriteDot(BuildCallGraph(tree), options));
  }
}
BENCHMARK(BM_GraphToDot)->Arg(2000)->Unit(benchmark::kMillisecond);

void BM_Flame(benchmark::State& state) {
  const CallTree tree = MakeTree(state.range(0));
  for (auto _ : state) {
    benchmark::DoNotOptimize(WriteFlameGraph(tree, {.title = "", .note = ""}));
  }
}
BENCHMARK(BM_Flame)->Arg(2000)->Unit(benchmark::kMillisecond);

void BM_Pprof(benchmark::State& state) {
  const CallTree tree = MakeTree(state.range(0));
  for (auto _ : state) {
    benchmark::DoNotOptimize(EncodePprof(tree, {}));
  }
}
BENCHMARK(BM_Pprof)->Arg(2000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace pinfo

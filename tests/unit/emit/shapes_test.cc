// The shapes a profile is exported in: each is read back by its own tool or its own rules, and each
// adds up to the profile's total.
#include <cmath>
#include <map>
#include <random>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "collector/emit/chrome_trace.h"
#include "collector/emit/file_io.h"
#include "collector/emit/folded.h"
#include "collector/emit/gzip.h"
#include "collector/emit/pprof.h"
#include "collector/emit/pstats_reader.h"
#include "collector/emit/pstats_writer.h"
#include "collector/emit/speedscope.h"
#include "tests/unit/emit/testing.h"

namespace pinfo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr const char* kHostileName = "a;b\n<script>\"\\\xFF\xC3";

CallTree RandomTree(uint64_t seed) {
  std::mt19937_64 random(seed);
  CallTree tree;
  for (int i = 0; i < 200; ++i) {
    std::vector<CallTree::Frame> stack;
    for (uint64_t depth = random() % 12; depth-- > 0;) {
      const auto number = random() % 20;
      stack.push_back({.function = tree.AddFunction({.name = fmt::format("f{}", number),
                                                     .file = number % 3 == 0 ? "/src/a.cc" : "",
                                                     .module = number % 2 == 0 ? "/bin/x" : "",
                                                     .line = static_cast<int32_t>(number)}),
                       .line = static_cast<int32_t>(random() % 3)});
    }
    tree.AddFrames(stack, static_cast<TimeKind>(random() % kTimeKindCount),
                   static_cast<int64_t>(random() % 1'000'000'000), 1);
  }
  return tree;
}

int64_t FoldedTotal(const std::string& folded) {
  int64_t total = 0;
  for (size_t at = 0; at < folded.size(); at = folded.find('\n', at) + 1) {
    const size_t end = folded.find('\n', at);
    total += std::stoll(folded.substr(folded.rfind(' ', end) + 1));
  }
  return total;
}

TEST(Shapes, AllHaveTheProfilesTotal) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const CallTree tree = RandomTree(seed);
    const int64_t total = tree.TotalNs();
    EXPECT_EQ(FoldedTotal(EncodeFolded(tree)), total);
    const Json speedscope = Json::parse(EncodeSpeedscope(tree, {}));
    int64_t all = 0;
    for (const Json& weight : speedscope["profiles"][0]["weights"]) {
      all += weight.get<int64_t>();
    }
    EXPECT_EQ(all, total);
    EXPECT_EQ(speedscope["profiles"][0]["endValue"], total);
    int64_t of_kinds = 0;
    for (size_t i = 1; i < speedscope["profiles"].size(); ++i) {
      of_kinds += speedscope["profiles"][i]["endValue"].get<int64_t>();
    }
    EXPECT_EQ(of_kinds, total);
    const CallTree pprof = DecodePprof(EncodePprof(tree, {}).value()).value();
    EXPECT_EQ(pprof.TotalNs(), total);
    EXPECT_EQ(pprof.TotalSamples(), tree.TotalSamples());
    const CallGraph graph = BuildCallGraph(tree);
    EXPECT_EQ(graph.SelfTotalNs(), total);
    EXPECT_NEAR(static_cast<double>(DecodePstats(EncodePstats(graph))->SelfTotalNs()),
                static_cast<double>(total), 100);
  }
}

TEST(Folded, IsTheGoldenText) {
  CallTree tree = testing::SampleTree();
  tree.AddStack(std::vector{tree.AddFunction({.name = kHostileName})}, TimeKind::kOnCpu, 3, 1);
  tree.AddStack({}, TimeKind::kOnCpu, 4, 0);
  EXPECT_EQ(EncodeFolded(tree),
            "[unsampled] 4\n"
            "main (main.cc:10);ns::parse<int>(char const*) const (parse.cc:42) 10000000\n"
            "main (main.cc:10);ns::parse<int>(char const*) const (parse.cc:42);"
            "ns::parse<int>(char const*) const (parse.cc:42) 30000000\n"
            "main (main.cc:10);read 60000000\n"
            "[waiting] 100000000\n"
            "a:b <script>\"\\\xEF\xBF\xBD\xEF\xBF\xBD 3\n");
}

TEST(Pprof, ComesBackWithKindsFilesAndLines) {
  CallTree tree;
  const auto main =
      tree.AddFunction({.name = "main", .file = "/a.cc", .module = "/bin/a", .line = 3});
  const auto wait = tree.AddFunction({.name = "wait", .module = "/lib/c.so"});
  tree.AddFrames(std::vector<CallTree::Frame>{{main, 7}, {wait, 0}}, TimeKind::kBlocked, 40, 2);
  tree.AddFrames(std::vector<CallTree::Frame>{{main, 9}}, TimeKind::kOnCpu, 60, 5);
  const CallTree read = DecodePprof(EncodePprof(tree, {.text = "x"}).value()).value();
  ASSERT_EQ(read.nodes().size(), 4U);
  EXPECT_EQ(read.TotalSamples(), 7);
  EXPECT_EQ(read.functions()[read.nodes()[1].function],
            (Function{.name = "main", .file = "/a.cc", .module = "/bin/a", .line = 3}));
  EXPECT_EQ(read.nodes()[1].line, 7);
  EXPECT_EQ(read.nodes()[2].self_ns[static_cast<size_t>(TimeKind::kBlocked)], 40);
  EXPECT_EQ(read.nodes()[3].self_ns[static_cast<size_t>(TimeKind::kOnCpu)], 60);
}

TEST(Pprof, IsReadByProtocWithTheFormatsOwnNumbers) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory / "x.pb.gz";
  ASSERT_TRUE(
      WriteFileAtomically(path, EncodePprof(testing::SampleTree(), {.text = "request 7"}).value()));
  const testing::CommandResult raw =
      testing::RunCommand(fmt::format("zcat {} | protoc --decode_raw", path));
  ASSERT_EQ(raw.exit_status, 0) << raw.output;
  // Fields 6, 1 and 2 of profile.proto: strings, value types and samples.
  EXPECT_THAT(raw.output, HasSubstr("6: \"nanoseconds\""));
  EXPECT_THAT(raw.output, HasSubstr("6: \"/srv/app/parse.cc\""));
  EXPECT_THAT(raw.output, HasSubstr("6: \"request 7\""));
  EXPECT_THAT(raw.output, HasSubstr("10: 200000000\n"));
}

TEST(Pprof, OpensInGosTool) {
  if (testing::RunCommand("go version").exit_status != 0) {
    GTEST_SKIP() << "no go here (Debian's golang-go)";
  }
  const testing::TemporaryDirectory directory;
  const std::string path = directory / "x.pb.gz";
  ASSERT_TRUE(
      WriteFileAtomically(path, EncodePprof(testing::SampleTree(), {.text = "request 7"}).value()));
  const std::string pprof = fmt::format("HOME={} PPROF_TMPDIR={} go tool pprof -symbolize=none ",
                                        directory.path(), directory.path());
  const testing::CommandResult top =
      testing::RunCommand(pprof + "-top -lines -nodecount=50 -nodefraction=0 " + path);
  ASSERT_EQ(top.exit_status, 0) << top.output;
  EXPECT_THAT(top.output, HasSubstr("Type: time"));
  EXPECT_THAT(top.output, HasSubstr("Showing nodes accounting for 200ms, 100% of 200ms total"));
  EXPECT_THAT(top.output, HasSubstr("/srv/app/parse.cc:42"));
  const testing::CommandResult blocked =
      testing::RunCommand(pprof + "-top -sample_index=blocked " + path);
  EXPECT_THAT(blocked.output, HasSubstr("60ms, 100% of 60ms total")) << blocked.output;
}

TEST(Pprof, RefusesWhatIsNone) {
  EXPECT_THAT(DecodePprof("").error().message, HasSubstr("gzip"));
  EXPECT_THAT(DecodePprof("\x1f\x8b garbage").error().message, HasSubstr("gzip"));
  EXPECT_THAT(DecodePprof(Gzip("\xFF\xFF\xFF").value()).error().message, HasSubstr("malformed"));
  EXPECT_THAT(DecodePprof(Gzip("").value()).error().message, HasSubstr("no times"));
  const std::string good = EncodePprof(testing::SampleTree(), {}).value();
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(DecodePprof(std::string_view(good).substr(0, length)));
  }
}

TEST(Gunzip, HasABound) {
  const std::string packed = Gzip(std::string(1'000'000, 'x')).value();
  EXPECT_EQ(Gunzip(packed, 1'000'000)->size(), 1'000'000U);
  EXPECT_THAT(Gunzip(packed, 999'999).error().message, HasSubstr("unfolds"));
}

TEST(Speedscope, FollowsItsSchema) {
  CallTree tree = testing::SampleTree();
  tree.AddStack(std::vector{tree.AddFunction({.name = kHostileName})}, TimeKind::kOnCpu, 3, 1);
  const Json file = Json::parse(EncodeSpeedscope(tree, {.text = "request 7"}));
  EXPECT_EQ(file["$schema"], "https://www.speedscope.app/file-format-schema.json");
  EXPECT_EQ(file["name"], "request 7");
  const size_t frames = file["shared"]["frames"].size();
  for (const Json& frame : file["shared"]["frames"]) {
    EXPECT_TRUE(frame["name"].is_string());
  }
  ASSERT_EQ(file["profiles"].size(), 4U);  // all time, on CPU, blocked, waiting
  for (const Json& profile : file["profiles"]) {
    EXPECT_EQ(profile["type"], "sampled");
    EXPECT_EQ(profile["unit"], "nanoseconds");
    ASSERT_EQ(profile["samples"].size(), profile["weights"].size());
    for (const Json& stack : profile["samples"]) {
      for (const Json& frame : stack) {
        EXPECT_LT(frame.get<size_t>(), frames);
      }
    }
  }
  EXPECT_EQ(file["profiles"][2]["name"], "blocked");
  EXPECT_EQ(file["profiles"][2]["weights"], Json({60'000'000}));
}

Timeline SampleTimeline() {
  Timeline timeline;
  timeline.name = "GET /list";
  timeline.request_id = 7;
  timeline.pid = 100;
  timeline.tid = 101;
  timeline.start_wall_ns = 1'700'000'000'000'000'000;
  timeline.latency_ns = 50'000'000;
  timeline.queue_ns = 1'000'000;
  timeline.first_byte_ns = 45'000'000;
  timeline.status = "200";
  constexpr CallTree::FunctionIndex main = 0;
  constexpr CallTree::FunctionIndex parse = 1;
  constexpr CallTree::FunctionIndex read = 2;
  timeline.functions = {
      {.name = "main", .file = "/a.cc", .line = 3}, {.name = kHostileName}, {.name = "read"}};
  timeline.samples = {
      {.begin_ns = 0, .end_ns = 10'000'000, .tid = 101, .root_first = {{main, 4}, {parse, 1}}},
      {.begin_ns = 10'000'000, .end_ns = 20'000'000, .tid = 101, .root_first = {{main, 5}}},
      {.begin_ns = 20'000'000,
       .end_ns = 33'000'000,
       .kind = TimeKind::kBlocked,
       .tid = 101,
       .root_first = {{main, 6}, {read, 0}}},
      {.begin_ns = 40'000'000, .end_ns = 50'000'000, .tid = 101, .root_first = {{main, 5}}}};
  timeline.calls = {{.begin_ns = 20'000'000,
                     .end_ns = 33'000'000,
                     .tid = 101,
                     .peer = "127.0.0.1:99",
                     .calls = 2,
                     .waited_ns = 12'000'000}};
  return timeline;
}

TEST(ChromeTrace, HasTheRequestItsWaitsStacksAndCalls) {
  const Json file = Json::parse(EncodeChromeTrace(SampleTimeline()));
  std::vector<std::string> slices;
  for (const Json& event : file["traceEvents"]) {
    if (event["ph"] == "X") {
      slices.push_back(fmt::format("{} {} {}", event["cat"].get<std::string>(),
                                   event["name"].get<std::string>(),
                                   event["args"]["duration_ns"].get<int64_t>()));
    } else {
      EXPECT_EQ(event["ph"], "M");
    }
  }
  EXPECT_THAT(
      slices,
      ElementsAre("phase queue 1000000", "request GET /list 50000000",
                  "phase until the first byte 45000000", "phase sending 5000000",
                  "wait read 13000000", "stack a;b\n<script>\"\\\xEF\xBF\xBD\xEF\xBF\xBD 10000000",
                  "stack main 20000000", "stack main 10000000", "call 127.0.0.1:99 13000000"));
}

// Trace viewers want the slices of one track to nest.
TEST(ChromeTrace, SlicesOfATrackNest) {
  std::mt19937_64 random(3);
  Timeline timeline = SampleTimeline();
  timeline.samples.clear();
  int64_t at = 0;
  for (int i = 0; i < 300; ++i) {
    TimelineSample sample;
    sample.begin_ns = at;
    sample.end_ns = at + 1 + static_cast<int64_t>(random() % 9);
    at = sample.end_ns + static_cast<int64_t>(random() % 2);
    sample.tid = 100 + random() % 2;
    for (uint64_t depth = random() % 6; depth-- > 0;) {
      sample.root_first.push_back({.function = static_cast<uint32_t>(random() % 3)});
    }
    timeline.samples.push_back(sample);
  }
  const Json file = Json::parse(EncodeChromeTrace(timeline));
  std::map<int64_t, std::vector<std::pair<int64_t, int64_t>>> tracks;
  for (const Json& event : file["traceEvents"]) {
    if (event["ph"] == "X") {
      const auto begin = std::llround(event["ts"].get<double>() * 1000);
      tracks[event["tid"]].emplace_back(begin, begin + event["args"]["duration_ns"].get<int64_t>());
    }
  }
  for (const auto& [track, slices] : tracks) {
    for (const auto& a : slices) {
      for (const auto& b : slices) {
        const bool apart = a.second <= b.first || b.second <= a.first;
        const bool inside = (a.first <= b.first && b.second <= a.second) ||
                            (b.first <= a.first && a.second <= b.second);
        EXPECT_TRUE(apart || inside) << track;
      }
    }
  }
}

}  // namespace
}  // namespace pinfo

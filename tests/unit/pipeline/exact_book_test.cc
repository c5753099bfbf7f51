#include "collector/pipeline/exact_book.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "collector/pipeline/exact_stats.h"
#include "tests/unit/pipeline/make_record.h"

namespace pinfo {
namespace {

constexpr ConnectionId kConnection{9};

struct Part {
  pinfo_exact_state state = PINFO_EXACT_WHOLE;
  uint32_t serial = 1;
  uint32_t first_function = 0;
  std::vector<pinfo_exact_function> functions{};
  uint32_t first_edge = 0;
  std::vector<pinfo_exact_edge> edges{};
  uint32_t all_functions = 0;
  uint32_t all_edges = 0;
};

template <typename T>
std::string BytesIn(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

RecordWords MakeExact(const Part& part, uint32_t turn = 1, int64_t time_ns = 5) {
  pinfo_exact exact{};
  exact.connection = kConnection.value;
  exact.turn = turn;
  exact.serial = part.serial;
  exact.state = part.state;
  exact.end_ns = 100;
  exact.first_function = part.first_function;
  exact.functions = static_cast<pinfo_u32>(part.functions.size());
  exact.first_edge = part.first_edge;
  exact.edges = static_cast<pinfo_u32>(part.edges.size());
  exact.all_functions = part.all_functions;
  exact.all_edges = part.all_edges;
  return MakeRecord(exact, PINFO_RECORD_EXACT, time_ns, 1, 1,
                    BytesIn(part.functions) + BytesIn(part.edges));
}

void Add(ExactBook& book, const Part& part, uint32_t turn = 1, int64_t time_ns = 5) {
  const RecordWords words = MakeExact(part, turn, time_ns);
  book.Add(*DecodeRecord(BytesOf(words)));
}

pinfo_exact_function Function(uint64_t code, uint32_t calls, uint64_t self, uint64_t total) {
  return {.code = code,
          .identity = 7,
          .calls = calls,
          .primitive_calls = calls,
          .reserved = 0,
          .self_ns = self,
          .total_ns = total};
}

pinfo_exact_edge Edge(uint32_t caller, uint32_t callee, uint32_t calls) {
  return {.caller = caller,
          .callee = callee,
          .calls = calls,
          .primitive_calls = calls,
          .self_ns = 1,
          .total_ns = 1};
}

TEST(ExactBookTest, AProfileIsReadyWhenAllItsPartsAreThere) {
  ExactBook book;
  EXPECT_EQ(book.Find(kConnection, 1), ExactBook::State::kNone);
  Add(book, {.state = PINFO_EXACT_BEGUN});
  EXPECT_EQ(book.Find(kConnection, 1), ExactBook::State::kAwaited);
  Add(book, {.functions = {Function(1, 2, 10, 30)}, .all_functions = 2, .all_edges = 1});
  EXPECT_EQ(book.Find(kConnection, 1), ExactBook::State::kAwaited);
  Add(book, {.first_function = 1,
             .functions = {Function(2, 3, 20, 20)},
             .edges = {Edge(0, 1, 3)},
             .all_functions = 2,
             .all_edges = 1});
  ASSERT_EQ(book.Find(kConnection, 1), ExactBook::State::kReady);
  const auto profile = book.Take(kConnection, 1);
  ASSERT_TRUE(profile.has_value());
  EXPECT_EQ(profile->functions.size(), 2U);
  EXPECT_EQ(profile->edges.size(), 1U);
  EXPECT_EQ(book.Find(kConnection, 1), ExactBook::State::kNone);
}

TEST(ExactBookTest, ALaterProfileReplacesAnEarlierOne) {
  ExactBook book;
  Add(book, {.state = PINFO_EXACT_SO_FAR,
             .functions = {Function(1, 1, 1, 1)},
             .all_functions = 1});
  EXPECT_EQ(book.Find(kConnection, 1), ExactBook::State::kAwaited);
  Add(book, {.serial = 2, .functions = {Function(1, 5, 9, 9)}, .all_functions = 1});
  const auto profile = book.Take(kConnection, 1);
  ASSERT_TRUE(profile.has_value());
  EXPECT_EQ(profile->functions[0].calls, 5U);
}

TEST(ExactBookTest, WhatIsThereIsTakenWhereNoLaterOneComes) {
  ExactBook book;
  Add(book, {.state = PINFO_EXACT_SO_FAR,
             .functions = {Function(1, 1, 1, 1)},
             .all_functions = 1});
  EXPECT_TRUE(book.Take(kConnection, 1).has_value());
}

TEST(ExactBookTest, PartsThatDisagreeAreNoProfile) {
  for (const Part& hostile :
       {Part{.functions = {Function(1, 1, 1, 1)}, .all_functions = 0},
        Part{.all_functions = UINT32_MAX, .all_edges = UINT32_MAX},
        Part{.first_function = UINT32_MAX,
             .functions = {Function(1, 1, 1, 1)},
             .all_functions = 4},
        Part{.first_edge = 4000, .edges = {Edge(0, 0, 1)}, .all_functions = 1, .all_edges = 4000}}) {
    ExactBook book;
    Add(book, hostile);
    EXPECT_FALSE(book.Take(kConnection, 1).has_value());
  }
  ExactBook book;
  Add(book, {.functions = {Function(1, 1, 1, 1)}, .all_functions = 3});
  Add(book, {.functions = {Function(1, 1, 1, 1)}, .all_functions = 2});
  EXPECT_FALSE(book.Take(kConnection, 1).has_value());
}

TEST(ExactBookTest, EdgesOfFunctionsThatAreNotThereAreDropped) {
  ExactBook book;
  Add(book, {.functions = {Function(1, 1, 1, 1)},
             .edges = {Edge(0, 0, 1), Edge(0, 7, 1), Edge(UINT32_MAX, 0, 1)},
             .all_functions = 1,
             .all_edges = 3});
  const auto profile = book.Take(kConnection, 1);
  ASSERT_TRUE(profile.has_value());
  EXPECT_EQ(profile->edges.size(), 1U);
}

TEST(ExactBookTest, PipelinedRequestsHaveNone) {
  ExactBook book;
  Add(book, {.functions = {Function(1, 1, 1, 1)}, .all_functions = 1});
  book.Served(kConnection, 1);
  EXPECT_EQ(book.Find(kConnection, 1), ExactBook::State::kReady);
  book.Served(kConnection, 1);
  EXPECT_EQ(book.Find(kConnection, 1), ExactBook::State::kDeclined);
  EXPECT_FALSE(book.Take(kConnection, 1).has_value());
}

TEST(ExactBookTest, WhatWaitsIsBounded) {
  ExactBook book(/*capacity=*/100);
  for (uint32_t turn = 1; turn <= 50; ++turn) {
    Add(book, {.functions = {Function(1, 1, 1, 1)}, .all_functions = 30}, turn, turn);
  }
  EXPECT_EQ(book.Find(kConnection, 1), ExactBook::State::kNone);
  EXPECT_EQ(book.Find(kConnection, 50), ExactBook::State::kAwaited);
  book.Expire(1'000);
  EXPECT_EQ(book.Find(kConnection, 50), ExactBook::State::kNone);
}

TEST(ExactBookTest, AGraphAddsUpToTheLatency) {
  ExactProfile profile;
  profile.functions = {Function(1, 1, 40, 70), Function(2, 3, 30, 30), Function(3, 0, 0, 0)};
  profile.edges = {Edge(0, 1, 3), Edge(0, 2, 0)};
  const CallGraph graph = BuildExactGraph(profile, PythonCodes(), 100);
  EXPECT_EQ(graph.SelfTotalNs(), 100);
  ASSERT_EQ(graph.edges.size(), 1U);
  EXPECT_EQ(graph.edges[0].calls, 3);
  EXPECT_FALSE(graph.calls_are_samples);
  EXPECT_EQ(graph.functions.back().function.name, kOutsideExactFrame);
  EXPECT_EQ(graph.functions.back().self_ns, 30);
  // A profile that claims more than the latency gets no rest.
  EXPECT_EQ(BuildExactGraph(profile, PythonCodes(), 10).SelfTotalNs(), 70);
}

}  // namespace
}  // namespace pinfo

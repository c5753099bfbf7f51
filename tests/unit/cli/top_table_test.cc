#include "cli/top_table.h"

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/html/fake_reader.h"

namespace pinfo::cli {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;

RequestRow Request(const std::string& route, int64_t latency_ns, double weight = 1) {
  RequestRow row = MakeRequest(1, latency_ns);
  row.route = route;
  row.weight = weight;
  return row;
}

TopTable Load(const std::vector<RequestRow>& rows) {
  FakeReader reader;
  reader.requests = rows;
  Result<TopTable> table = LoadTop(reader, 100 * kSecond, 10 * kSecond);
  EXPECT_TRUE(table);
  EXPECT_EQ(reader.filters.front().since_wall_ns, 90 * kSecond);
  return *table;
}

std::vector<std::string> RoutesOf(const TopTable& table) {
  std::vector<std::string> routes;
  for (const TopRow& row : table.rows) {
    routes.push_back(row.route);
  }
  return routes;
}

TEST(TopTableTest, ARowStandsForItsWeight) {
  const TopTable table = Load({Request("/a", 10 * kMs, 30), Request("/a", 20 * kMs, 10)});
  ASSERT_EQ(table.rows.size(), 1U);
  EXPECT_EQ(TopCell(table.rows[0], TopColumn::kRate, table), "4.0");
  EXPECT_EQ(TopCell(table.rows[0], TopColumn::kTime, table), "100.0");
  EXPECT_EQ(table.rows[0].latency_ns, 500.0 * kMs);
  EXPECT_NEAR(static_cast<double>(table.rows[0].Percentile(50)), 10.0 * kMs, 0.7 * kMs);
  EXPECT_EQ(table.rows[0].Percentile(99), 20 * kMs) << "never beyond the slowest";
}

TEST(TopTableTest, WhatWasUnderWayBeforeHasNoLatency) {
  RequestRow partial = Request("/a", 5 * kSecond);
  partial.outcome = Outcome::kPartial;
  const TopTable table = Load({partial});
  EXPECT_EQ(table.all.requests, 1);
  EXPECT_EQ(table.all.latency_ns, 0);
  EXPECT_EQ(TopCell(table.rows[0], TopColumn::kP99, table), "-");
  EXPECT_EQ(TopBar(table.rows[0], 20), (std::array<int, 5>{}));
}

TEST(TopTableTest, SortsByAColumnAndEqualOnesByName) {
  RequestRow failed = Request("/b", 1 * kMs);
  failed.status = 500;
  TopTable table = Load({Request("/c", 5 * kMs), Request("/a", 5 * kMs), failed});
  SortTop(TopColumn::kMax, false, &table);
  EXPECT_THAT(RoutesOf(table), testing::ElementsAre("/a", "/c", "/b"));
  SortTop(TopColumn::kMax, true, &table);
  EXPECT_THAT(RoutesOf(table), testing::ElementsAre("/b", "/a", "/c"));
  SortTop(TopColumn::kFailed, false, &table);
  EXPECT_EQ(table.rows[0].route, "/b");
  SortTop(TopColumn::kRoute, false, &table);
  EXPECT_THAT(RoutesOf(table), testing::ElementsAre("/a", "/b", "/c"));
  SortTop(TopColumn::kRoute, true, &table);
  EXPECT_THAT(RoutesOf(table), testing::ElementsAre("/c", "/b", "/a"));
}

TEST(TopTableTest, FiltersInEitherCase) {
  TopTable table = Load({Request("/Cart", kMs), Request("/item", kMs)});
  FilterTop("cART", &table);
  EXPECT_THAT(RoutesOf(table), testing::ElementsAre("/Cart"));
  FilterTop("", &table);
  EXPECT_EQ(table.rows.size(), 1U);
}

TEST(TopTableTest, TheBarAddsUp) {
  for (const int width : {1, 7, 20, 61}) {
    for (const int64_t latency : {1L, 999L, 7 * kMs}) {
      const std::array<int, 5> bar = TopBar(Load({Request("/", latency)}).rows[0], width);
      EXPECT_EQ(std::accumulate(bar.begin(), bar.end(), 0), width);
    }
  }
  RequestRow unknown = Request("/", kMs);
  unknown.on_cpu_ns = unknown.blocked_ns = unknown.runqueue_ns = unknown.waiting_ns = std::nullopt;
  EXPECT_EQ(TopBar(Load({unknown}).rows[0], 20), (std::array<int, 5>{0, 0, 0, 0, 20}));
}

TEST(TopTableTest, HostileNamesAreEscaped) {
  const TopTable table = Load({Request("/\x1b[2J", kMs)});
  EXPECT_EQ(TopCell(table.rows[0], TopColumn::kRoute, table).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace pinfo::cli

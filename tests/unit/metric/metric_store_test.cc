#include "collector/store/metric_store.h"

#include "collector/base/run_command.h"
#include "collector/config/configuration.h"
#include "collector/store/sqlite_store.h"
#include "tests/unit/metric/metric_fixture.h"

namespace pinfo {
namespace {

constexpr int64_t kNoon = 1'700'049'600 * kSecondNs;  // of a day, UTC

MetricSample Counter(const std::string& name, double sum, int64_t wall_ns,
                     const std::string& tags = "") {
  MetricSample sample;
  sample.name = name;
  sample.tags = tags;
  sample.wall_ns = wall_ns;
  sample.point = {.start_s = 0, .count = 1, .sum = sum, .min = sum, .max = sum, .last = sum};
  return sample;
}

class MetricStoreTest : public MetricFixture {};

TEST_F(MetricStoreTest, RollsUpByMinuteHourAndDay) {
  const auto store = OpenStore();
  ASSERT_TRUE(store->Begin());
  for (int minute = 0; minute < 120; ++minute) {
    ASSERT_TRUE(store->Add(Counter("a", minute, kNoon + minute * 60 * kSecondNs)));
  }
  ASSERT_TRUE(store->Commit());
  const auto reader = OpenReader();
  const auto minutes = reader->Points("a", 60, 0);
  const auto hours = reader->Points("a", 3'600, 0);
  const auto days = reader->Points("a", 86'400, 0);
  ASSERT_TRUE(minutes && hours && days);
  EXPECT_EQ(minutes->at(0).points.size(), 120U);
  ASSERT_EQ(hours->at(0).points.size(), 2U);
  EXPECT_DOUBLE_EQ(hours->at(0).points[0].sum, 59 * 60 / 2.0);
  EXPECT_DOUBLE_EQ(hours->at(0).points[1].max, 119);
  EXPECT_DOUBLE_EQ(hours->at(0).points[1].min, 60);
  ASSERT_EQ(days->at(0).points.size(), 1U);
  EXPECT_DOUBLE_EQ(days->at(0).points[0].count, 120);
  EXPECT_DOUBLE_EQ(days->at(0).points[0].sum, 119 * 120 / 2.0);
  const auto summary = reader->Find("a");
  ASSERT_TRUE(summary && *summary);
  EXPECT_DOUBLE_EQ((*summary)->count, 120);
  EXPECT_DOUBLE_EQ(*(*summary)->last, 119);
}

TEST_F(MetricStoreTest, ADifferenceBeginsWithTheLastValue) {
  const auto store = OpenStore();
  MetricSample gauge = Counter("g", 10, kNoon);
  gauge.kind = static_cast<uint8_t>(MetricKind::kGauge);
  MetricSample difference = gauge;
  difference.wall_ns += 1;
  difference.relative = true;
  difference.point = {.start_s = 0, .count = 1, .sum = -3, .min = -3, .max = -3, .last = -3};
  ASSERT_TRUE(store->Begin());
  ASSERT_TRUE(store->Add(gauge));
  ASSERT_TRUE(store->Add(difference));
  ASSERT_TRUE(store->Commit());
  EXPECT_DOUBLE_EQ(*(*OpenReader()->Find("g"))->last, 7);
}

TEST_F(MetricStoreTest, ValuesOfAnotherKindAreRefused) {
  const auto store = OpenStore();
  MetricSample gauge = Counter("a", 1, kNoon);
  gauge.kind = static_cast<uint8_t>(MetricKind::kGauge);
  ASSERT_TRUE(store->Begin());
  EXPECT_EQ(*store->Add(Counter("a", 1, kNoon)), MetricAdded::kAdded);
  EXPECT_EQ(*store->Add(gauge), MetricAdded::kOtherKind);
  ASSERT_TRUE(store->Commit());
  EXPECT_DOUBLE_EQ((*OpenReader()->Find("a"))->sum, 1);
}

TEST_F(MetricStoreTest, DeclaringChangesHowItIsShown) {
  const auto store = OpenStore();
  MetricRow row;
  row.name = "a";
  row.title = "A";
  row.kind = static_cast<uint8_t>(MetricKind::kGauge);
  ASSERT_TRUE(store->Begin());
  ASSERT_TRUE(store->Declare({row}));
  row.title = "Other";
  row.kind = static_cast<uint8_t>(MetricKind::kTiming);
  ASSERT_TRUE(store->Declare({row}));
  ASSERT_TRUE(store->Commit());
  auto found = OpenReader()->Find("a");
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->metric.title, "Other");
  EXPECT_EQ((*found)->metric.kind, static_cast<uint8_t>(MetricKind::kTiming)) << "no values yet";
  EXPECT_TRUE((*found)->metric.declared);
  ASSERT_TRUE(store->Begin());
  ASSERT_TRUE(store->Declare({}));
  ASSERT_TRUE(store->Commit());
  found = OpenReader()->Find("a");
  EXPECT_FALSE((*found)->metric.declared);
}

TEST_F(MetricStoreTest, WindowsAddSeriesUp) {
  const auto store = OpenStore();
  ASSERT_TRUE(store->Begin());
  ASSERT_TRUE(store->Add(Counter("a", 100, kNoon - 3'600 * kSecondNs)));
  ASSERT_TRUE(store->Add(Counter("a", 1, kNoon, "x:1")));
  MetricSample other = Counter("a", 2, kNoon + kSecondNs, "x:2");
  ASSERT_TRUE(store->Add(other));
  ASSERT_TRUE(store->Commit());
  const auto windows = OpenReader()->Windows(kNoon / kSecondNs - 60, true);
  ASSERT_TRUE(windows);
  ASSERT_EQ(windows->size(), 1U);
  const MetricWindow& window = windows->at("a");
  EXPECT_DOUBLE_EQ(window.count, 2);
  EXPECT_DOUBLE_EQ(window.sum, 3);
  EXPECT_DOUBLE_EQ(window.last, 2) << "of the series that changed last";
  EXPECT_DOUBLE_EQ(window.min, 1);
}

TEST_F(MetricStoreTest, RetentionLeavesRollUps) {
  const auto store = OpenStore();
  ASSERT_TRUE(store->Begin());
  MetricSample old = Counter("a", 1, kNoon);
  old.histogram = {{100, 1}};
  ASSERT_TRUE(store->Add(old));
  ASSERT_TRUE(store->Add(Counter("a", 1, kNoon + 7'200 * kSecondNs)));
  const Result<int64_t> deleted =
      store->Retain(kNoon / kSecondNs + 3'600, kNoon / kSecondNs, 1'000);
  ASSERT_TRUE(deleted);
  EXPECT_EQ(*deleted, 2) << "a minute and its bucket";
  ASSERT_TRUE(store->Commit());
  const auto reader = OpenReader();
  EXPECT_EQ(reader->Points("a", 60, 0)->at(0).points.size(), 1U);
  EXPECT_EQ(reader->Points("a", 3'600, 0)->at(0).points.size(), 2U);
}

TEST_F(MetricStoreTest, ADatabaseThatIsTooLargeLosesItsOldestMinutes) {
  const auto store = OpenStore();
  ASSERT_TRUE(store->Begin());
  for (int minute = 0; minute < 600; ++minute) {
    MetricSample sample = Counter("a", 1, kNoon + minute * 60 * kSecondNs);
    sample.histogram = {{100, 1}};
    ASSERT_TRUE(store->Add(sample));
  }
  ASSERT_TRUE(store->Commit());
  auto requests = OpenSqliteStore(path_);
  ASSERT_TRUE(requests);
  ASSERT_TRUE((*requests)->Retain(kNoon, {.max_age_ns = int64_t{1} << 60, .max_bytes = 1}));
  const auto reader = OpenReader();
  EXPECT_TRUE(reader->Points("a", 60, 0)->empty());
  EXPECT_EQ(reader->Points("a", 3'600, 0)->at(0).points.size(), 10U) << "hours stay";
}

// Several connections of one process: what opens another one must not drop the locks of those
// before. Else the next process that closes the database deletes the -wal file below them.
TEST_F(MetricStoreTest, OtherConnectionsKeepTheirLocks) {
  const auto first = OpenSqliteStore(path_);
  ASSERT_TRUE(first);
  const auto second = OpenStore();
  const auto reader = OpenReader();
  CommandRequest request;
  request.arguments = {"/bin/sh", "-c", "sqlite3 '" + path_ + "' 'SELECT count(*) FROM metric'"};
  request.timeout_ns = 30 * kSecondNs;
  const auto outcome = RunCommand(request);
  ASSERT_TRUE(outcome);
  ASSERT_EQ(outcome->output, "0\n") << outcome->errors;
  EXPECT_TRUE(std::filesystem::exists(path_ + "-wal"));
}

TEST_F(MetricStoreTest, RemovingTakesTheValuesAlong) {
  const auto store = OpenStore();
  ASSERT_TRUE(store->Begin());
  ASSERT_TRUE(store->Add(Counter("a", 1, kNoon)));
  EXPECT_TRUE(*store->Remove("a"));
  EXPECT_FALSE(*store->Remove("a"));
  ASSERT_TRUE(store->Commit());
  EXPECT_TRUE(OpenReader()->Points("a", 60, 0)->empty());
}

}  // namespace
}  // namespace pinfo

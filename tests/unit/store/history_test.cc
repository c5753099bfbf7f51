// What the reading side tells of change over time, and databases of every earlier version.
#include <array>
#include <map>

#include <gmock/gmock.h>

#include "collector/base/histogram.h"
#include "collector/store/schema.h"
#include "tests/unit/store/store_fixture.h"

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kFirstMinute = kEpoch / kMinute;

class HistoryTest : public StoreFixture {
 protected:
  static MinuteRow Minute(int64_t minute, const std::string& site, const std::string& route,
                          std::initializer_list<int64_t> latencies_ns) {
    MinuteRow row;
    row.minute = minute;
    row.site = site;
    row.route = route;
    row.method = "GET";
    row.status = 200;
    std::map<uint16_t, int64_t> histogram;
    for (const int64_t latency_ns : latencies_ns) {
      ++row.count;
      ++histogram[HistogramBucket(latency_ns)];
    }
    row.histogram.assign(histogram.begin(), histogram.end());
    return row;
  }
  static SystemRow System(const std::string& host, int64_t wall_ns, int32_t load1_milli) {
    SystemRow row;
    row.host = host;
    row.wall_ns = wall_ns;
    row.memory_total_bytes = 1000;
    row.memory_free_bytes = load1_milli;
    row.cpus = 2;
    row.load1_milli = load1_milli;
    return row;
  }
};

TEST_F(HistoryTest, LatenciesAreCountedByBinAndBucketOfTheSiteAndRoute) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->Begin());
  ASSERT_TRUE(store->AddMinute(Minute(kFirstMinute, "a", "/x", {100, 100, 5000})));
  ASSERT_TRUE(store->AddMinute(Minute(kFirstMinute + 1, "a", "/x", {100})));
  ASSERT_TRUE(store->AddMinute(Minute(kFirstMinute + 1, "b", "/y", {100})));
  ASSERT_TRUE(store->Commit());
  const std::unique_ptr<Reader> reader = OpenReader();
  const auto counts = [&](const HistoryRange& range, std::optional<std::string> site,
                          std::optional<std::string> route) {
    std::vector<std::array<int64_t, 3>> found;
    const auto history = reader->LatencyHistory(range, site, route);
    for (const LatencyCount& count : *history) {
      found.push_back({count.wall_ns / kMinute - kFirstMinute, count.bucket, count.count});
    }
    return found;
  };
  using Row = std::array<int64_t, 3>;
  const int64_t fast = HistogramBucket(100);
  const int64_t slow = HistogramBucket(5000);
  EXPECT_THAT(counts({}, std::nullopt, std::nullopt),
              ElementsAre(Row{0, fast, 2}, Row{0, slow, 1}, Row{1, fast, 2}));
  EXPECT_THAT(counts({}, "a", std::nullopt),
              ElementsAre(Row{0, fast, 2}, Row{0, slow, 1}, Row{1, fast, 1}));
  EXPECT_THAT(counts({}, "b", "/x"), IsEmpty());
  EXPECT_THAT(counts({.since_wall_ns = (kFirstMinute + 1) * kMinute}, std::nullopt, "/y"),
              ElementsAre(Row{1, fast, 1}));
  EXPECT_THAT(counts({.until_wall_ns = (kFirstMinute + 1) * kMinute}, std::nullopt, "/x"),
              ElementsAre(Row{0, fast, 2}, Row{0, slow, 1}));
  const auto all = reader->LatencyHistory({.bin_ns = 1000 * kMinute}, std::nullopt, std::nullopt);
  EXPECT_THAT(*all, SizeIs(2));
}

TEST_F(HistoryTest, ProcessesAreAddedUpAndTheirCpuTimeIsWhatTheyUsedSince) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->Begin());
  const Result<ProcessId> one = store->PutProcess(MakeProcess(10));
  const Result<ProcessId> two = store->PutProcess(MakeProcess(11));
  for (const auto& [process, second, rss, cpu] :
       {std::tuple{*one, 0, 100, 1000}, {*one, 1, 300, 1500}, {*two, 1, 50, 7}, {*one, 60, 400, 2500}}) {
    StatusRow row = MakeStatus(process, kFirstMinute * kMinute + second * kSecond, rss, 3);
    row.user_cpu_ns = cpu;
    row.system_cpu_ns = 0;
    ASSERT_TRUE(store->AddStatus(row));
  }
  ASSERT_TRUE(store->Commit());
  const auto points = OpenReader()->ProcessHistory({});
  ASSERT_TRUE(points.has_value());
  ASSERT_THAT(*points, SizeIs(2));
  EXPECT_EQ((*points)[0].wall_ns, kFirstMinute * kMinute);
  EXPECT_EQ((*points)[0].processes, 2);
  EXPECT_EQ((*points)[0].rss_bytes, 200 + 50);
  EXPECT_EQ((*points)[0].threads, 6);
  EXPECT_EQ((*points)[0].cpu_ns, 500);
  EXPECT_EQ((*points)[1].processes, 1);
  EXPECT_EQ((*points)[1].cpu_ns, 1000);
}

TEST_F(HistoryTest, TheMachinesFiguresAreMeansOfTheirBin) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->Begin());
  SystemRow pressed = System("h", kFirstMinute * kMinute + 5 * kSecond, 300);
  pressed.cpu_pressure_bp = 1234;
  for (const SystemRow& row : {System("h", kFirstMinute * kMinute, 100), pressed,
                               System("other", kFirstMinute * kMinute, 9),
                               System("h", (kFirstMinute + 2) * kMinute, 500)}) {
    ASSERT_TRUE(store->AddSystem(row));
  }
  ASSERT_TRUE(store->Commit());
  const std::unique_ptr<Reader> reader = OpenReader();
  const auto rows = reader->SystemHistory({});
  ASSERT_TRUE(rows.has_value());
  ASSERT_THAT(*rows, SizeIs(3));
  EXPECT_EQ((*rows)[0].host, "h");
  EXPECT_EQ((*rows)[0].load1_milli, 200);
  EXPECT_EQ((*rows)[0].cpu_pressure_bp, 1234);  // the mean of what is known
  EXPECT_EQ((*rows)[0].memory_used_bytes(), 800);
  EXPECT_EQ((*rows)[1].host, "other");
  EXPECT_EQ((*rows)[2].wall_ns, (kFirstMinute + 2) * kMinute);
  EXPECT_FALSE((*rows)[2].cpu_pressure_bp.has_value());
  const auto latest = reader->LatestSystems();
  ASSERT_TRUE(latest.has_value());
  ASSERT_THAT(*latest, SizeIs(2));
  EXPECT_EQ((*latest)[0].load1_milli, 500);
  EXPECT_EQ((*latest)[1].load1_milli, 9);
}

// Whoever has a database of an earlier pinfo keeps what is in it.
TEST_F(HistoryTest, ADatabaseOfEveryEarlierVersionIsBroughtUpToDate) {
  for (int64_t version = 1; version < sqlite::SchemaVersion(); ++version) {
    std::filesystem::remove_all(directory_ / "pinfo.db");
    path_ = directory_ / ("version" + std::to_string(version) + ".db");
    {
      Result<sqlite::Database> database =
          sqlite::Database::Open(path_, sqlite::OpenMode::kReadWrite);
      ASSERT_TRUE(database.has_value()) << MessageOf(database);
      for (int64_t step = 0; step < version; ++step) {
        ASSERT_TRUE(database->Execute(sqlite::Migrations()[static_cast<size_t>(step)]));
      }
      const std::string stamp =
          "PRAGMA user_version = " + std::to_string(version) +
          "; PRAGMA application_id = " + std::to_string(sqlite::kApplicationId) +
          "; INSERT INTO site(name) VALUES ('kept')";
      ASSERT_TRUE(database->Execute(stamp.c_str()));
    }
    const std::unique_ptr<Store> store = OpenStore();
    ASSERT_NE(store, nullptr) << version;
    AddRequests(*store, {MakeRequest(1)});
    EXPECT_THAT(Requests(), SizeIs(1));
    Result<sqlite::Database> database =
        sqlite::Database::Open(path_, sqlite::OpenMode::kReadOnly);
    EXPECT_EQ(*database->QueryInt("SELECT count(*) FROM site WHERE name = 'kept'"), 1);
    EXPECT_EQ(*database->QueryInt("PRAGMA user_version"), sqlite::SchemaVersion());
  }
}

}  // namespace
}  // namespace pinfo

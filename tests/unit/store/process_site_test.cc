// Which process served which site, what hosts are, and what memory a process truly uses.
#include <gmock/gmock.h>

#include "collector/store/schema.h"
#include "tests/unit/store/store_fixture.h"

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class ProcessSiteTest : public StoreFixture {
 protected:
  static ProcessSiteRow Served(ProcessId process, const std::string& site, int64_t requests,
                               int64_t first_wall_ns, int64_t last_wall_ns) {
    return {.process = process,
            .site = site,
            .requests = requests,
            .failed = 1,
            .latency_sum_ns = 100 * requests,
            .timed = requests,
            .on_cpu_sum_ns = 10 * requests,
            .first_wall_ns = first_wall_ns,
            .last_wall_ns = last_wall_ns};
  }
};

TEST_F(ProcessSiteTest, CountsOfTheSameProcessAndSiteAreAddedUp) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->Begin());
  const ProcessId a = *store->PutProcess(MakeProcess(1));
  const ProcessId b = *store->PutProcess(MakeProcess(2));
  MinuteRow minute;
  minute.site = "shop";
  minute.route = "/";
  minute.count = 9;
  ASSERT_TRUE(store->AddMinute(minute));
  ASSERT_TRUE(store->AddProcessSite(Served(a, "shop", 2, 50, 60)));
  ASSERT_TRUE(store->AddProcessSite(Served(a, "shop", 3, 40, 55)));
  ASSERT_TRUE(store->AddProcessSite(Served(b, "shop", 4, 70, 70)));
  ASSERT_TRUE(store->Commit());

  const std::unique_ptr<Reader> reader = OpenReader();
  const auto sites = reader->Sites();
  ASSERT_TRUE(sites.has_value()) << MessageOf(sites);
  ASSERT_THAT(*sites, SizeIs(1));
  ASSERT_THAT((*sites)[0].processes, SizeIs(2));
  const ProcessSiteRow& first = (*sites)[0].processes[0];
  EXPECT_EQ(first.process.value, a.value);
  EXPECT_EQ(first.requests, 5);
  EXPECT_EQ(first.failed, 2);
  EXPECT_EQ(first.latency_sum_ns, 500);
  EXPECT_EQ(first.on_cpu_sum_ns, 50);
  EXPECT_EQ(first.first_wall_ns, 40);
  EXPECT_EQ(first.last_wall_ns, 60);
  const auto processes = reader->Processes();
  ASSERT_TRUE(processes.has_value()) << MessageOf(processes);
  EXPECT_EQ((*processes)[0].requests, 5);
  EXPECT_EQ((*processes)[1].requests, 4);
  EXPECT_EQ((*processes)[1].latency_sum_ns, 400);
}

TEST_F(ProcessSiteTest, WhatIsKnownOfAHostAndAProcessStays) {
  const std::unique_ptr<Store> store = OpenStore();
  ProcessRow process = MakeProcess(1);
  process.runtime = "CPython 3.11.2";
  process.listen = "127.0.0.1:80";
  HostRow host{.host = process.host, .uname = "Linux", .fqdn = "a.example", .addresses = "1.2.3.4"};
  ASSERT_TRUE(store->Begin());
  ASSERT_TRUE(store->PutProcess(process));
  ASSERT_TRUE(store->PutHost(host));
  process.runtime = process.listen = "";
  host.uname = host.fqdn = host.addresses = "";
  ASSERT_TRUE(store->PutProcess(process));
  ASSERT_TRUE(store->PutHost(host));
  ASSERT_TRUE(store->Commit());
  const std::unique_ptr<Reader> reader = OpenReader();
  EXPECT_EQ((*reader->Processes())[0].process.runtime, "CPython 3.11.2");
  EXPECT_EQ((*reader->Processes())[0].process.listen, "127.0.0.1:80");
  const auto hosts = reader->Hosts();
  ASSERT_TRUE(hosts.has_value()) << MessageOf(hosts);
  ASSERT_THAT(*hosts, SizeIs(1));
  EXPECT_EQ((*hosts)[0].fqdn, "a.example");
  EXPECT_EQ((*hosts)[0].addresses, "1.2.3.4");
}

// A batch may fall between a fork and the reading of /proc.
TEST_F(ProcessSiteTest, AProcessWhoseStartIsLearnedLaterIsOne) {
  const std::unique_ptr<Store> store = OpenStore();
  ProcessRow process = MakeProcess(1);
  process.start_ticks = 0;
  ASSERT_TRUE(store->Begin());
  process.id = *store->PutProcess(process);
  ASSERT_TRUE(store->Commit());
  process.start_ticks = 77;
  ASSERT_TRUE(store->Begin());
  const auto id = store->PutProcess(process);
  ASSERT_TRUE(id.has_value()) << MessageOf(id);
  EXPECT_EQ(id->value, process.id.value);
  ASSERT_TRUE(store->Commit());
  const auto processes = OpenReader()->Processes();
  ASSERT_THAT(*processes, SizeIs(1));
  EXPECT_EQ((*processes)[0].process.start_ticks, 77);
}

TEST_F(ProcessSiteTest, MemoryTrulyUsedIsTheNewestThatWasRead) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->Begin());
  const ProcessId id = *store->PutProcess(MakeProcess(1));
  StatusRow status = MakeStatus(id, kEpoch, 1000, 2);
  status.pss_bytes = 700;
  ASSERT_TRUE(store->AddStatus(status));
  ASSERT_TRUE(store->AddStatus(MakeStatus(id, kEpoch + kSecond, 3000, 6)));
  ASSERT_TRUE(store->Commit());
  const auto processes = OpenReader()->Processes();
  ASSERT_TRUE(processes.has_value()) << MessageOf(processes);
  const ProcessSummary& summary = (*processes)[0];
  EXPECT_EQ(summary.pss_bytes, 700);
  EXPECT_EQ(summary.last.rss_bytes, 3000);
  EXPECT_EQ(summary.min_rss_bytes, 1000);
  EXPECT_EQ(summary.max_rss_bytes, 3000);
  EXPECT_EQ(summary.sum_rss_bytes, 4000);
  EXPECT_EQ(summary.statuses, 2);
  EXPECT_EQ(summary.min_threads, 2);
  EXPECT_EQ(summary.max_threads, 6);
  EXPECT_EQ(summary.sum_threads, 8);
}

// A database of the version before knows its rows only: what they stand for is carried over.
TEST_F(ProcessSiteTest, AnEarlierDatabasesRowsAreCounted) {
  constexpr size_t kBefore = 4;
  {
    auto database = sqlite::Database::Open(path_, sqlite::OpenMode::kReadWrite);
    ASSERT_TRUE(database.has_value()) << MessageOf(database);
    for (size_t step = 0; step < kBefore; ++step) {
      ASSERT_TRUE(database->Execute(sqlite::Migrations()[step]));
    }
    const std::string rows =
        "PRAGMA user_version = " + std::to_string(kBefore) +
        "; PRAGMA application_id = " + std::to_string(sqlite::kApplicationId) +
        "; INSERT INTO host(id, machine_id) VALUES (1, 'm'); INSERT INTO process VALUES (7, 1, 'b',"
        " 5, 6, 1, 'ebpf', '/x', 'x', '/', 'x', 0, 1, 2, NULL, NULL);"
        "INSERT INTO site VALUES (1, 'shop'); INSERT INTO route VALUES (1, 1, '/');"
        "INSERT INTO word VALUES (1, 'GET');"
        "INSERT INTO request(id, process_id, pid, tid, route_id, method_id, protocol_id, target,"
        " status, outcome, start_wall_ns, latency_ns, bytes_in, bytes_out, samples, profiled,"
        " stats_file, weight) VALUES (1, 7, 5, 5, 1, 1, 1, '/', 200, 0, 10, 100, 0, 0, 0, 0, '',"
        " 2.5), (2, 7, 5, 5, 1, 1, 1, '/', 503, 0, 20, 300, 0, 0, 0, 0, '', 1)";
    ASSERT_TRUE(database->Execute(rows.c_str()));
  }
  ASSERT_NE(OpenStore(), nullptr);
  const auto processes = OpenReader()->Processes();
  ASSERT_TRUE(processes.has_value()) << MessageOf(processes);
  ASSERT_THAT(*processes, SizeIs(1));
  EXPECT_EQ((*processes)[0].requests, 4);  // 3.5, rounded
  EXPECT_EQ((*processes)[0].failed, 1);
  EXPECT_EQ((*processes)[0].latency_sum_ns, 550);
}

}  // namespace
}  // namespace pinfo

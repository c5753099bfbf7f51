// What goes into the store comes out of it, batch by batch.
#include <limits>

#include <gmock/gmock.h>

#include "bpf/wire.h"
#include "tests/unit/store/store_fixture.h"

namespace pinfo {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class StoreTest : public StoreFixture {};

TEST_F(StoreTest, EveryFieldOfARequestComesBack) {
  RequestRow in = MakeRequest(7);
  in.target = std::string("/a\0b\x1b[31m\xff", 10);
  in.status = 503;
  in.outcome = Outcome::kAborted;
  in.queue_ns = 12;
  in.first_byte_ns = std::nullopt;
  in.on_cpu_ns = 0;
  in.blocked_ns = std::nullopt;
  in.samples = 3;
  in.profiled = true;
  in.stats_file = "/dump/x.stats";
  in.weight = 12.5;
  in.calls = 4;
  in.calls_ns = 900;
  const std::unique_ptr<Store> store = OpenStore();
  AddRequests(*store, {in});

  const std::vector<RequestRow> rows = Requests();
  ASSERT_THAT(rows, SizeIs(1));
  const RequestRow& out = rows[0];
  EXPECT_EQ(out.id, in.id);
  EXPECT_EQ(out.process, in.process);
  EXPECT_EQ(out.pid, in.pid);
  EXPECT_EQ(out.tid, in.tid);
  EXPECT_EQ(out.site, in.site);
  EXPECT_EQ(out.method, in.method);
  EXPECT_EQ(out.target, in.target);
  EXPECT_EQ(out.route, in.route);
  EXPECT_EQ(out.status, in.status);
  EXPECT_EQ(out.protocol, in.protocol);
  EXPECT_EQ(out.outcome, in.outcome);
  EXPECT_EQ(out.start_wall_ns, in.start_wall_ns);
  EXPECT_EQ(out.queue_ns, in.queue_ns);
  EXPECT_EQ(out.first_byte_ns, std::nullopt);
  EXPECT_EQ(out.latency_ns, in.latency_ns);
  EXPECT_EQ(out.on_cpu_ns, 0);  // known to be zero: not the same as not known
  EXPECT_EQ(out.blocked_ns, std::nullopt);
  EXPECT_EQ(out.runqueue_ns, in.runqueue_ns);
  EXPECT_EQ(out.waiting_ns, in.waiting_ns);
  EXPECT_EQ(out.bytes_in, in.bytes_in);
  EXPECT_EQ(out.bytes_out, in.bytes_out);
  EXPECT_EQ(out.samples, in.samples);
  EXPECT_TRUE(out.profiled);
  EXPECT_EQ(out.stats_file, in.stats_file);
  EXPECT_EQ(out.weight, in.weight);
  EXPECT_EQ(out.calls, in.calls);
  EXPECT_EQ(out.calls_ns, in.calls_ns);
}

TEST_F(StoreTest, CallsOfARequestComeBackAndGoWithIt) {
  const std::unique_ptr<Store> store = OpenStore();
  RequestRow profiled = MakeRequest(1);
  profiled.profiled = true;
  AddRequests(*store, {profiled, MakeRequest(2)});
  ASSERT_EQ(MessageOf(store->Begin()), "");
  const std::vector<CallRow> calls = {
      {.peer = "10.0.0.7:5432", .calls = 3, .waited_ns = 100},
      {.peer = "unix:/run/redis.sock", .calls = 1, .waited_ns = 700}};
  ASSERT_EQ(MessageOf(store->AddCalls(RequestId{1}, calls)), "");
  const RequestExtras extras = {
      .headers = {{"Host", "shop.example"}, {"Cookie", "..."}},
      .calls = {{"10.0.0.7:5432", Tid{7}, 10, 90, 3, 60}, {"unix:/a", Tid{8}, 20, 30, 1, 10}}};
  ASSERT_EQ(MessageOf(store->AddExtras(RequestId{1}, extras)), "");
  ASSERT_EQ(MessageOf(store->Commit()), "");
  {
    const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(path_);
    ASSERT_EQ(MessageOf(reader), "");
    const Result<std::vector<CallRow>> found = (*reader)->RequestCalls(RequestId{1});
    ASSERT_EQ(MessageOf(found), "");
    ASSERT_THAT(*found, SizeIs(2));
    EXPECT_EQ((*found)[0].peer, "unix:/run/redis.sock");
    EXPECT_EQ((*found)[1].calls, 3);
    EXPECT_EQ((*found)[1].waited_ns, 100);
    EXPECT_THAT((*reader)->RequestCalls(RequestId{2}).value(), SizeIs(0));
    const Result<RequestDetail> detail = (*reader)->Detail(MakeRequest(1));
    ASSERT_EQ(MessageOf(detail), "");
    EXPECT_EQ(detail->calls.size(), 2U);
    ASSERT_THAT(detail->headers, SizeIs(2));
    EXPECT_EQ(detail->headers[1].name, "Cookie");
    ASSERT_THAT(detail->timeline.calls, SizeIs(2));
    EXPECT_EQ(detail->timeline.calls[0].peer, "10.0.0.7:5432");
    EXPECT_EQ(detail->timeline.calls[0].end_ns, 90);
    EXPECT_EQ(detail->timeline.calls[0].waited_ns, 60);
    EXPECT_EQ(detail->timeline.calls[1].tid, 8U);
    EXPECT_THAT((*reader)->Detail(MakeRequest(2))->headers, SizeIs(0));
  }
  // Older than a second at the end of all time: both requests go, and what belongs to them.
  ASSERT_TRUE(store->Retain(kEpoch + 1'000'000 * kSecond, {.max_age_ns = kSecond}).has_value());
  const Result<std::unique_ptr<Reader>> reader = OpenSqliteReader(path_);
  ASSERT_EQ(MessageOf(reader), "");
  EXPECT_THAT((*reader)->RequestCalls(RequestId{1}).value(), SizeIs(0));
  EXPECT_THAT((*reader)->Detail(profiled)->headers, SizeIs(0));
  EXPECT_THAT((*reader)->Detail(profiled)->timeline.calls, SizeIs(0));
}

TEST_F(StoreTest, AnUnfinishedBatchIsNotThere) {
  {
    const std::unique_ptr<Store> store = OpenStore();
    ASSERT_TRUE(store->Begin());
    ASSERT_TRUE(store->AddRequest(MakeRequest(1)));
    EXPECT_THAT(Requests(), SizeIs(0));
  }
  EXPECT_THAT(Requests(), SizeIs(0));
}

TEST_F(StoreTest, NamesAreRightAfterARollback) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->Begin());
  ASSERT_TRUE(store->AddRequest(MakeRequest(1)));
  ASSERT_TRUE(store->InternStack(std::vector{MakeFrame("main"), MakeFrame("work")}));
  store->Rollback();
  // A cache that kept the ids of rolled-back rows would now point at these.
  RequestRow other = MakeRequest(2);
  other.site = "other.example";
  other.route = "/other";
  other.method = "PUT";
  other.protocol = "HTTP/1.0";
  AddRequests(*store, {other, MakeRequest(3)});
  const std::vector<RequestRow> rows = Requests({.order = RequestOrder::kOldest});
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].site, "other.example");
  EXPECT_EQ(rows[0].method, "PUT");
  EXPECT_EQ(rows[1].site, "shop.example");
  EXPECT_EQ(rows[1].method, "GET");
  EXPECT_EQ(rows[1].route, "/list");
}

TEST_F(StoreTest, ARowThatCannotBeStoredDoesNotTakeItsBatchAlong) {
  const std::unique_ptr<Store> store = OpenStore();
  AddRequests(*store, {MakeRequest(1)});
  ASSERT_TRUE(store->Begin());
  ASSERT_TRUE(store->AddRequest(MakeRequest(2)));
  EXPECT_THAT(MessageOf(store->AddRequest(MakeRequest(1))), HasSubstr("UNIQUE"));
  RequestRow not_a_number = MakeRequest(3);
  not_a_number.weight = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(MessageOf(store->AddRequest(not_a_number)), HasSubstr("NOT NULL"));
  ASSERT_TRUE(store->AddRequest(MakeRequest(4)));
  EXPECT_EQ(MessageOf(store->Commit()), "");
  EXPECT_THAT(Requests(), SizeIs(3));
}

TEST_F(StoreTest, NothingIsWrittenOutsideOfABatch) {
  const std::unique_ptr<Store> store = OpenStore();
  EXPECT_THAT(MessageOf(store->AddRequest(MakeRequest(1))), HasSubstr("outside of a batch"));
  EXPECT_FALSE(store->Commit());
  ASSERT_TRUE(store->Begin());
  EXPECT_FALSE(store->Begin());
  EXPECT_FALSE(store->ReserveRequestIds(10));
  EXPECT_FALSE(store->Retain(kEpoch, {.max_age_ns = 0, .max_bytes = 0}));
  EXPECT_TRUE(store->Commit());
}

TEST_F(StoreTest, AProcessIsUpdatedByItsIdentity) {
  const std::unique_ptr<Store> store = OpenStore();
  ProcessRow row = MakeProcess(100);
  ASSERT_TRUE(store->Begin());
  const Result<ProcessId> first = store->PutProcess(row);
  row.exe = "";  // as at its end, when /proc is gone
  row.end_wall_ns = kEpoch + 9 * kSecond;
  row.exit_status = 256;
  const Result<ProcessId> again = store->PutProcess(row);
  row.start_ticks += 1;  // the same pid, used anew
  row.end_wall_ns = std::nullopt;
  row.exit_status = std::nullopt;
  const Result<ProcessId> other = store->PutProcess(row);
  ASSERT_TRUE(first && again && other);
  ASSERT_TRUE(store->AddStatus(MakeStatus(*first, kEpoch, 9, 4)));
  ASSERT_TRUE(store->AddStatus(MakeStatus(*first, kEpoch + 5, 5, 2)));
  ASSERT_TRUE(store->Commit());
  EXPECT_EQ(*first, *again);
  EXPECT_NE(*first, *other);

  const Result<std::vector<ProcessSummary>> processes = OpenReader()->Processes();
  ASSERT_TRUE(processes);
  ASSERT_THAT(*processes, SizeIs(2));
  const ProcessSummary& summary = (*processes)[0];
  EXPECT_EQ(summary.process.exe, "/usr/sbin/nginx");
  EXPECT_EQ(summary.process.argv, "nginx -g daemon");
  EXPECT_EQ(summary.process.host, "machine");
  EXPECT_EQ(summary.process.start_ticks, 4711U);
  EXPECT_EQ(summary.process.end_wall_ns, kEpoch + 9 * kSecond);
  EXPECT_EQ(summary.process.exit_status, 256);
  EXPECT_EQ(summary.last.wall_ns, kEpoch + 5);
  EXPECT_EQ(summary.last.rss_bytes, 5);
  EXPECT_EQ(summary.max_rss_bytes, 9);
  EXPECT_EQ(summary.min_threads, 2);
  EXPECT_EQ(summary.max_threads, 4);
  EXPECT_EQ((*processes)[1].process.end_wall_ns, std::nullopt);
  EXPECT_EQ((*processes)[1].last.wall_ns, 0);
}

// Its process may have been removed by hand meanwhile: that stands in nobody's way.
TEST_F(StoreTest, AStatusWithoutItsProcessIsLeftOut) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->Begin());
  const ProcessId known = *store->PutProcess(MakeProcess(1));
  EXPECT_EQ(MessageOf(store->AddStatus(MakeStatus({known.value + 98}, kEpoch))), "");
  EXPECT_EQ(MessageOf(store->AddStatus(MakeStatus(known, kEpoch))), "");
  EXPECT_TRUE(store->Commit());
  const auto processes = OpenReader()->Processes();
  ASSERT_THAT(*processes, SizeIs(1));
  EXPECT_EQ((*processes)[0].statuses, 1);
}

TEST_F(StoreTest, EqualStacksHaveEqualIds) {
  const std::unique_ptr<Store> store = OpenStore();
  const std::vector<FrameRow> stack = {MakeFrame("main", 5), MakeFrame("work", 7)};
  const std::vector<FrameRow> other_line = {MakeFrame("main", 5), MakeFrame("work", 8)};
  ASSERT_TRUE(store->Begin());
  const Result<StackId> first = store->InternStack(stack);
  const Result<StackId> prefix = store->InternStack(std::span(stack).first(1));
  const Result<StackId> different = store->InternStack(other_line);
  const Result<StackId> empty = store->InternStack({});
  ASSERT_TRUE(store->Commit());
  ASSERT_TRUE(first && prefix && different && empty);
  EXPECT_NE(*first, *prefix);
  EXPECT_NE(*first, *different);
  EXPECT_EQ(empty->value, 0);
  // Another writer, whose caches are empty, finds the same.
  const std::unique_ptr<Store> second = OpenStore();
  ASSERT_TRUE(second->Begin());
  EXPECT_EQ(second->InternStack(stack).value(), *first);
  EXPECT_EQ(second->InternStack(other_line).value(), *different);
}

TEST_F(StoreTest, MinutesAddUp) {
  MinuteRow row;
  row.site = "s";
  row.route = "/";
  row.method = "GET";
  row.status = 200;
  row.minute = 28'000'000;
  row.count = 3;
  row.failed = 1;
  row.latency_sum_ns = 60;
  row.latency_min_ns = 10;
  row.latency_max_ns = 30;
  row.timed = 2;
  row.on_cpu_sum_ns = 25;
  row.bytes_in = 5;
  row.bytes_out = 7;
  row.histogram = {{10, 1}, {14, 2}};
  MinuteRow unmeasured = row;  // only partial requests: counted, without a latency
  unmeasured.latency_sum_ns = unmeasured.latency_min_ns = unmeasured.latency_max_ns = 0;
  unmeasured.histogram.clear();
  const std::unique_ptr<Store> store = OpenStore();
  for (const MinuteRow& each : {unmeasured, row, row}) {
    ASSERT_TRUE(store->Begin());
    ASSERT_EQ(MessageOf(store->AddMinute(each)), "");
    ASSERT_TRUE(store->Commit());
  }
  const Result<Totals> totals = OpenReader()->GetTotals();
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->latency.count, 9);
  EXPECT_EQ(totals->latency.failed, 3);
  EXPECT_EQ(totals->latency.sum_ns, 120);
  EXPECT_EQ(totals->latency.min_ns, 10);
  EXPECT_EQ(totals->latency.max_ns, 30);
  EXPECT_EQ(totals->latency.timed, 6);
  EXPECT_EQ(totals->latency.on_cpu_sum_ns, 75);
  EXPECT_EQ(totals->latency.p50_ns, 14);
}

TEST_F(StoreTest, ASessionIsInsertedThenUpdated) {
  const std::unique_ptr<Store> store = OpenStore();
  SessionRow row;
  row.mode = "ebpf-socket";
  row.command = "pinfo attach 1";
  row.start_wall_ns = kEpoch;
  row.lost[PINFO_LOSS_RING_SAMPLE] = 4;
  ASSERT_TRUE(store->Begin());
  row.id = store->PutSession(row).value();
  row.requests_seen = 10;
  row.own_cpu_ns = 77;
  row.end_wall_ns = kEpoch + 1;
  row.lost[PINFO_LOSS_RING_SAMPLE] = 6;
  EXPECT_EQ(store->PutSession(row).value(), row.id);
  SessionRow missing;
  missing.id = 99;
  EXPECT_THAT(MessageOf(store->PutSession(missing)), HasSubstr("session 99"));
  ASSERT_TRUE(store->Commit());
  const std::unique_ptr<Reader> reader = OpenReader();
  const Result<std::vector<SessionRow>> sessions = reader->Sessions();
  ASSERT_TRUE(sessions);
  ASSERT_THAT(*sessions, SizeIs(1));
  EXPECT_EQ((*sessions)[0].requests_seen, 10);
  EXPECT_EQ((*sessions)[0].end_wall_ns, kEpoch + 1);
  EXPECT_EQ((*sessions)[0].lost[PINFO_LOSS_RING_SAMPLE], 6);
  EXPECT_EQ(reader->GetTotals()->lost[PINFO_LOSS_RING_SAMPLE], 6);
  EXPECT_EQ(reader->GetTotals()->own_cpu_ns, 77);
}

TEST_F(StoreTest, ReservedRangesDoNotOverlap) {
  const std::unique_ptr<Store> one = OpenStore();
  const std::unique_ptr<Store> two = OpenStore();
  EXPECT_EQ(one->ReserveRequestIds(100)->first, 1);
  EXPECT_EQ(two->ReserveRequestIds(5)->first, 101);
  EXPECT_EQ(one->ReserveRequestIds(1)->first, 106);
  EXPECT_FALSE(one->ReserveRequestIds(0));
  EXPECT_FALSE(one->ReserveRequestIds(-5));
}

}  // namespace
}  // namespace pinfo

// Filters, orders and summaries of the reading side, and the profiles built from samples.
#include <map>

#include <gmock/gmock.h>

#include "bpf/wire.h"
#include "collector/base/histogram.h"
#include "tests/unit/store/store_fixture.h"

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ReaderTest : public StoreFixture {
 protected:
  std::vector<int64_t> Ids(const RequestFilter& filter) {
    std::vector<int64_t> ids;
    for (const RequestRow& row : Requests(filter)) {
      ids.push_back(row.id.value);
    }
    return ids;
  }

  // Time of the function itself, in all its places.
  static int64_t SelfNs(const Profile& profile, const std::string& function) {
    int64_t sum = 0;
    for (const CallTree::Node& node : profile.tree.nodes()) {
      if (&node != profile.tree.nodes().data() &&
          profile.tree.functions()[node.function].name == function) {
        for (const int64_t ns : node.self_ns) {
          sum += ns;
        }
      }
    }
    return sum;
  }
};

TEST_F(ReaderTest, FiltersSelectAndOrdersSort) {
  RequestRow one = MakeRequest(1);
  RequestRow two = MakeRequest(2);
  two.method = "POST";
  two.pid = Pid{4242};
  two.status = 502;
  two.latency_ns = 50'000'000;
  two.site = "api.example";
  two.route = "/v1/[id]/edit";
  RequestRow three = MakeRequest(3);
  three.outcome = Outcome::kAborted;
  three.status = 0;
  three.on_cpu_ns = std::nullopt;
  three.bytes_out = 1;
  three.profiled = true;
  const std::unique_ptr<Store> store = OpenStore();
  AddRequests(*store, {one, two, three});

  EXPECT_THAT(Ids({}), ElementsAre(3, 2, 1));
  EXPECT_TRUE(Requests({.method = "POST"})[0].tls);
  EXPECT_FALSE(Requests({.status_class = 2})[0].tls);
  EXPECT_THAT(Ids({.order = RequestOrder::kOldest}), ElementsAre(1, 2, 3));
  EXPECT_THAT(Ids({.order = RequestOrder::kSlowest}), ElementsAre(2, 3, 1));
  EXPECT_THAT(Ids({.order = RequestOrder::kOnCpu}), ElementsAre(2, 1, 3));
  EXPECT_THAT(Ids({.order = RequestOrder::kBytesOut}), ElementsAre(2, 1, 3));
  EXPECT_THAT(Ids({.order = RequestOrder::kOldest, .limit = 2}), ElementsAre(1, 2));
  EXPECT_THAT(Ids({.site = "api.example"}), ElementsAre(2));
  EXPECT_THAT(Ids({.site = "nowhere"}), IsEmpty());
  EXPECT_THAT(Ids({.route = "/list"}), ElementsAre(3, 1));
  EXPECT_THAT(Ids({.route = "/l?s*"}), ElementsAre(3, 1));
  EXPECT_THAT(Ids({.route = "/v1/[id]/*"}), ElementsAre(2));  // brackets are no set
  EXPECT_THAT(Ids({.method = "POST"}), ElementsAre(2));
  EXPECT_THAT(Ids({.method = "post"}), ElementsAre(2));
  EXPECT_THAT(Ids({.pid = Pid{4242}}), ElementsAre(2));
  EXPECT_THAT(Ids({.pid = Pid{1}}), IsEmpty());
  EXPECT_THAT(Ids({.status = 502}), ElementsAre(2));
  EXPECT_THAT(Ids({.status_class = 2}), ElementsAre(1));
  EXPECT_THAT(Ids({.slower_than_ns = 1'000'000}), ElementsAre(2));
  EXPECT_THAT(Ids({.since_wall_ns = kEpoch + 2 * kSecond}), ElementsAre(3, 2));
  EXPECT_THAT(Ids({.until_wall_ns = kEpoch + 2 * kSecond}), ElementsAre(1));
  EXPECT_THAT(Ids({.profiled = true}), ElementsAre(3));
  EXPECT_THAT(Ids({.failed = true}), ElementsAre(3, 2));
  EXPECT_THAT(Ids({.site = "x' OR 1=1 --"}), IsEmpty());
}

TEST_F(ReaderTest, VisitingStopsWhenAsked) {
  const std::unique_ptr<Store> store = OpenStore();
  AddRequests(*store, {MakeRequest(1), MakeRequest(2), MakeRequest(3)});
  int visited = 0;
  ASSERT_TRUE(OpenReader()->ForEachRequest({}, [&visited](const RequestRow&) {
    ++visited;
    return visited < 2;
  }));
  EXPECT_EQ(visited, 2);
}

TEST_F(ReaderTest, AReaderSeesOneMoment) {
  const std::unique_ptr<Store> store = OpenStore();
  AddRequests(*store, {MakeRequest(1)});
  const std::unique_ptr<Reader> before = OpenReader();
  AddRequests(*store, {MakeRequest(2)});
  EXPECT_EQ(before->GetTotals()->request_rows, 1);
  EXPECT_EQ(before->FindRequest({2}).value(), std::nullopt);
  EXPECT_EQ(OpenReader()->GetTotals()->request_rows, 2);
  EXPECT_EQ(*OpenReader()->CountRequests({}), 2);
  EXPECT_EQ(*OpenReader()->CountRequests({.pid = Pid{1}, .limit = 1}), 0);
}

TEST_F(ReaderTest, PercentilesAreWithinABucket) {
  const std::unique_ptr<Store> store = OpenStore();
  ASSERT_TRUE(store->Begin());
  for (int64_t i = 1; i <= 1000; ++i) {
    MinuteRow row;
    row.site = i % 2 == 0 ? "even" : "odd";
    row.route = "/r";
    row.method = "GET";
    row.minute = i / 100;
    row.count = 1;
    row.latency_sum_ns = row.latency_min_ns = row.latency_max_ns = i * 1000;
    row.histogram = {{HistogramBucket(i * 1000), 1}};
    ASSERT_TRUE(store->AddMinute(row));
  }
  ASSERT_TRUE(store->Commit());
  const std::unique_ptr<Reader> reader = OpenReader();
  const Result<Totals> totals = reader->GetTotals();
  ASSERT_TRUE(totals);
  EXPECT_EQ(totals->latency.count, 1000);
  EXPECT_EQ(totals->latency.min_ns, 1000);
  EXPECT_EQ(totals->latency.max_ns, 1'000'000);
  EXPECT_NEAR(static_cast<double>(totals->latency.p50_ns), 500e3, 500e3 * 0.0625);
  EXPECT_NEAR(static_cast<double>(totals->latency.p90_ns), 900e3, 900e3 * 0.0625);
  EXPECT_NEAR(static_cast<double>(totals->latency.p99_ns), 990e3, 990e3 * 0.0625);
  constexpr int64_t kMinute = 60'000'000'000;
  EXPECT_THAT(*reader->Minutes({.since_wall_ns = 5 * kMinute}), SizeIs(6));
  EXPECT_EQ(reader->Minutes({})->front().second.count, 99);
  // A minute that is cut counts.
  EXPECT_THAT(
      *reader->Minutes({.since_wall_ns = 5 * kMinute + 1, .until_wall_ns = 7 * kMinute + 1}),
      SizeIs(3));
  EXPECT_EQ(reader->Summary({.site = "odd"})->count, 500);
  EXPECT_EQ(reader->Summary({.site = "odd", .until_wall_ns = kMinute})->count, 50);
  EXPECT_EQ(reader->Summary({.route = "/?"})->count, 1000);
  EXPECT_EQ(reader->Summary({.route = "/[r]"})->count, 0);
  EXPECT_THAT(*reader->Sites({.site = "odd"}), SizeIs(1));
  EXPECT_THAT(*reader->Routes({.site = "even", .route = "/r"}), SizeIs(1));
  EXPECT_THAT(*reader->Routes({.since_wall_ns = 11 * kMinute}), IsEmpty());
  const Result<std::vector<SiteSummary>> sites = reader->Sites();
  ASSERT_THAT(*sites, SizeIs(2));
  EXPECT_EQ((*sites)[0].site, "even");
  EXPECT_EQ((*sites)[0].routes, 1);
  EXPECT_EQ((*sites)[0].latency.count, 500);
  EXPECT_THAT(*reader->Routes(), SizeIs(2));
}

// Two requests of a route with rows, one without, and samples of all of them.
TEST_F(ReaderTest, ProfilesAddUpToTheLatencies) {
  const std::unique_ptr<Store> store = OpenStore();
  AddRequests(*store, {MakeRequest(1), MakeRequest(2)});
  const std::vector<FrameRow> work = {MakeFrame("main", 1), MakeFrame("work", 2)};
  const std::vector<FrameRow> wait = {MakeFrame("main", 3), MakeFrame("wait", 4)};
  ASSERT_TRUE(store->Begin());
  SampleRow sample;
  sample.process.value = 1;
  sample.site = "shop.example";
  sample.route = "/list";
  sample.request = RequestId{1};
  sample.kind = PINFO_SAMPLE_ON_CPU;
  sample.stack = store->InternStack(work).value();
  ASSERT_TRUE(store->AddSample(sample));
  sample.kind = PINFO_SAMPLE_BLOCKED;
  sample.duration_ns = 200'000;
  sample.stack = store->InternStack(wait).value();
  sample.end = StackEnd::kBroken;
  ASSERT_TRUE(store->AddSample(sample));
  sample.request = std::nullopt;  // its row was thinned out
  ASSERT_TRUE(store->AddSample(sample));
  sample.kind = PINFO_SAMPLE_ON_CPU;
  sample.weight = 3;
  ASSERT_TRUE(store->AddSample(sample));
  sample.site = sample.route = "";  // outside every request
  ASSERT_TRUE(store->AddSample(sample));
  ASSERT_TRUE(store->Commit());

  const std::unique_ptr<Reader> reader = OpenReader();
  const Result<Profile> one = reader->RequestProfile({1});
  ASSERT_EQ(MessageOf(one), "");
  EXPECT_EQ(one->tree.TotalNs(), 1'000'000);
  EXPECT_EQ(SelfNs(*one, "work"), 300'000);
  EXPECT_EQ(SelfNs(*one, "wait"), 200'000);
  EXPECT_EQ(SelfNs(*one, kBlockedFrame), 400'000);
  EXPECT_EQ(SelfNs(*one, kRunqueueFrame), 70'000);
  EXPECT_EQ(SelfNs(*one, kWaitingFrame), 30'000);
  EXPECT_EQ(one->samples, 2);
  EXPECT_EQ(one->samples_incomplete, (StackEndCounts{.broken = 1}));

  const Result<Profile> unsampled = reader->RequestProfile({2});
  EXPECT_EQ(SelfNs(*unsampled, kUnsampledFrame), 300'000);
  EXPECT_EQ(unsampled->tree.TotalNs(), 1'000'000);

  for (const Result<Profile>& pooled :
       {reader->RouteProfile("shop.example", "/list"), reader->RouteProfile(std::nullopt, "/list"),
        reader->WholeProfile()}) {
    ASSERT_EQ(MessageOf(pooled), "");
    EXPECT_EQ(pooled->requests, 2);
    EXPECT_EQ(pooled->tree.TotalNs(), 2'000'000);
    EXPECT_EQ(SelfNs(*pooled, "work"), 150'000);            // one period in four
    EXPECT_EQ(SelfNs(*pooled, "wait"), 450'000 + 200'000);  // and the kept row's wait
    EXPECT_EQ(SelfNs(*pooled, kBlockedFrame), 1'000'000);
    EXPECT_EQ(pooled->samples, 3);
  }
  EXPECT_EQ(reader->RouteProfile("elsewhere", "/list")->tree.TotalNs(), 0);
  const RequestRow first = **reader->FindRequest({1});
  const RequestRow second = **reader->FindRequest({2});
  const auto total = [&](const ProfileFilter& filter) {
    return reader->PooledProfile(filter)->tree.TotalNs();
  };
  EXPECT_EQ(total({.pid = first.pid}), 2'000'000);
  EXPECT_EQ(total({.pid = Pid{first.pid.value + 1}}), 0);
  EXPECT_EQ(total({.since_wall_ns = second.start_wall_ns}), 1'000'000);
  EXPECT_EQ(total({.until_wall_ns = second.start_wall_ns}), 1'000'000);
  EXPECT_EQ(total({.since_wall_ns = second.start_wall_ns + 1}), 0);
  EXPECT_THAT(MessageOf(reader->RequestProfile({3})), HasSubstr("no request 3"));
  EXPECT_EQ(reader->GetTotals()->samples, 5);
  EXPECT_EQ(reader->GetTotals()->samples_attributed, 4);
}

// A report makes one pass over all rows and asks for the rest by id.
TEST_F(ReaderTest, OnePassGivesWhatRowsAndProfilesAreMadeOf) {
  const std::unique_ptr<Store> store = OpenStore();
  RequestRow other = MakeRequest(3);
  other.route = "/other";
  other.blocked_ns = std::nullopt;
  AddRequests(*store, {MakeRequest(1), MakeRequest(2), other});
  ASSERT_TRUE(store->Begin());
  SampleRow sample;
  sample.process.value = 1;
  sample.site = "shop.example";
  sample.route = "/list";
  sample.request = RequestId{1};
  sample.kind = PINFO_SAMPLE_BLOCKED;
  sample.duration_ns = 200'000;
  sample.stack = store->InternStack(std::vector{MakeFrame("wait", 4)}).value();
  ASSERT_TRUE(store->AddSample(sample));
  ASSERT_TRUE(store->Commit());

  const std::unique_ptr<Reader> reader = OpenReader();
  PooledTimes times;
  PartsIndex parts;
  std::map<int64_t, RequestFigures> figures;
  ASSERT_TRUE(reader->ForEachFigures({.site = "shop.example"}, [&](const RequestFigures& each) {
    figures.emplace(each.id.value, each);
    parts.Add(each.id, KnownPartsOf(each.times));
    if (each.id.value != 3) {
      times.Add(each.times);
    }
    return true;
  }));
  parts.Sort();
  ASSERT_THAT(figures, SizeIs(3));
  EXPECT_EQ(figures[1].times.latency_ns, 1'000'000);
  EXPECT_EQ(figures[3].times.blocked_ns, std::nullopt);
  EXPECT_NE(figures[1].route, figures[3].route);
  const Result<std::vector<RouteSummary>> routes = reader->Routes();
  for (const RouteSummary& route : *routes) {
    EXPECT_TRUE(route.id == figures[1].route || route.id == figures[3].route);
  }
  const ProfileFilter filter = {.site = "shop.example", .route = "/list"};
  const Result<Profile> given = reader->PooledProfile(filter, times, parts);
  const Result<Profile> own = reader->PooledProfile(filter);
  ASSERT_EQ(MessageOf(given), "");
  EXPECT_EQ(given->tree.TotalNs(), 2'000'000);
  EXPECT_EQ(SelfNs(*given, "wait"), 200'000);
  EXPECT_EQ(own->tree.TotalNs(), given->tree.TotalNs());
  EXPECT_EQ(SelfNs(*own, "wait"), 200'000);

  std::vector<int64_t> ids;
  const std::vector<RequestId> wanted = {RequestId{3}, RequestId{9}, RequestId{1}};
  ASSERT_TRUE(reader->ForEachRequestById(wanted, [&](const RequestRow& row) {
    ids.push_back(row.id.value);
    return true;
  }));
  EXPECT_THAT(ids, ElementsAre(3, 1));
  const Result<RequestDetail> detail = reader->Detail(**reader->FindRequest({1}));
  ASSERT_EQ(MessageOf(detail), "");
  EXPECT_EQ(SelfNs(detail->profile, "wait"), 200'000);
  EXPECT_THAT(detail->timeline.samples, SizeIs(1));
}

TEST_F(ReaderTest, ATimelineLiesWithinItsRequest) {
  const std::unique_ptr<Store> store = OpenStore();
  const RequestRow row = MakeRequest(1);
  AddRequests(*store, {row});
  ASSERT_TRUE(store->Begin());
  SampleRow sample;
  sample.process.value = 1;
  sample.site = "shop.example";
  sample.route = "/list";
  sample.request = row.id;
  sample.stack = store->InternStack(std::vector{MakeFrame("main", 1)}).value();
  const auto add = [&](uint8_t kind, int64_t end_ns, int64_t duration_ns) {
    sample.kind = kind;
    sample.wall_ns = row.start_wall_ns + end_ns;
    sample.duration_ns = duration_ns;
    ASSERT_TRUE(store->AddSample(sample));
  };
  add(PINFO_SAMPLE_ON_CPU, 100'000, 10'000'000);  // its period began before the request
  add(PINFO_SAMPLE_BLOCKED, 400'000, 250'000);
  add(PINFO_SAMPLE_ON_CPU, 500'000, 10'000'000);
  add(PINFO_SAMPLE_ON_CPU, 2'000'000, 10'000'000);  // recorded after its end
  ASSERT_TRUE(store->Commit());

  const Result<Timeline> timeline = OpenReader()->RequestTimeline(row.id);
  ASSERT_EQ(MessageOf(timeline), "");
  EXPECT_EQ(timeline->name, row.method + " " + row.target);
  EXPECT_EQ(timeline->latency_ns, row.latency_ns);
  std::vector<std::pair<int64_t, int64_t>> times;
  for (const TimelineSample& each : timeline->samples) {
    times.emplace_back(each.begin_ns, each.end_ns);
    ASSERT_THAT(each.root_first, SizeIs(1));
    EXPECT_EQ(timeline->functions[each.root_first[0].function].name, "main");
  }
  EXPECT_THAT(times, ElementsAre(std::pair(0, 100'000), std::pair(150'000, 400'000),
                                 std::pair(400'000, 500'000), std::pair(500'000, row.latency_ns)));
  EXPECT_EQ(timeline->samples[1].kind, TimeKind::kBlocked);
  EXPECT_THAT(MessageOf(OpenReader()->RequestTimeline({7})), HasSubstr("no request 7"));
}

TEST_F(ReaderTest, AnEmptyDatabaseHasEmptyAnswers) {
  OpenStore();
  const std::unique_ptr<Reader> reader = OpenReader();
  EXPECT_EQ(reader->GetTotals()->latency.count, 0);
  EXPECT_EQ(reader->GetTotals()->first_wall_ns, 0);
  EXPECT_THAT(*reader->Sites(), IsEmpty());
  EXPECT_THAT(*reader->Processes(), IsEmpty());
  EXPECT_TRUE(reader->WholeProfile()->tree.empty());
}

}  // namespace
}  // namespace pinfo

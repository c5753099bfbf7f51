// Writes the report that report_test.mjs opens: 100,000 requests, 20 of them with a page, hostile
// names among them.
//
//   make_report DIRECTORY
//   make_report --serve      serves a small one instead, which grows each time it is looked at;
//                            prints its URL and ends with its standard input
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bpf/wire.h"
#include "collector/base/histogram.h"
#include "html/report.h"
#include "html/server.h"
#include "tests/unit/html/fake_reader.h"

namespace pinfo {
namespace {

constexpr int64_t kRequests = 100'000;
constexpr int64_t kProfiles = 22;  // two more than get a page
constexpr int64_t kStartWallNs = 1'795'230'000'000'000'000;

struct RouteShape {
  const char* method;
  const char* route;
  const char* target;
  double median_ms;
};

constexpr RouteShape kRoutes[] = {
    {"GET", "/", "/", 4},
    {"GET", "/item/<n>", "/item/", 11},
    {"GET", "/search", "/search?q=red+shoes&page=", 48},
    {"POST", "/basket", "/basket", 19},
    {"POST", "/checkout", "/checkout", 160},
    {"GET", "/static/site.css", "/static/site.css", 0.4},
    {"GET", "/api/v1/stock/<n>", "/api/v1/stock/", 7},
    {"GET", "/<script>alert(1)</script>", "/<script>alert(1)</script>\"'\u2028", 3},
};

// One thread that works, waits for two calls to other servers, and works again.
Timeline MakeTimeline(const RequestRow& row) {
  Timeline timeline;
  constexpr CallTree::FunctionIndex main = 0;
  constexpr CallTree::FunctionIndex parse = 1;
  constexpr CallTree::FunctionIndex read = 2;
  timeline.functions = {{"main", "/srv/app/main.cc", "", 10},
                        {"parse", "/srv/app/parse.cc", "", 88},
                        {"read", "", "/lib/libc.so.6", 0}};
  timeline.pid = row.pid.value;
  timeline.tid = row.tid.value;
  timeline.latency_ns = row.latency_ns;
  timeline.process = "gunicorn";
  const int64_t part = row.latency_ns / 10;
  for (int64_t i = 0; i < 10; ++i) {
    const bool waits = i >= 3 && i < 6;
    timeline.samples.push_back({.begin_ns = i * part,
                                .end_ns = (i + 1) * part,
                                .kind = waits ? TimeKind::kBlocked : TimeKind::kOnCpu,
                                .tid = i == 8 ? row.tid.value + 1 : row.tid.value,
                                .root_first = {{main, 0}, {waits ? read : parse, 0}}});
  }
  timeline.calls = {{3 * part, 4 * part, row.tid.value, "10.0.0.7:80", 1, part},
                    {4 * part, 6 * part, row.tid.value, "unix:/run/<b>.sock", 1, 2 * part}};
  return timeline;
}

// Deterministic: the test knows what it will find.
void AddRequests(FakeReader* reader, int64_t count) {
  std::mt19937_64 random(42);
  std::normal_distribution<double> spread(0, 0.6);
  std::vector<RequestRow>& rows = reader->requests;
  rows.reserve(static_cast<size_t>(count));
  for (int64_t id = 1; id <= count; ++id) {
    const RouteShape& shape = kRoutes[random() % std::size(kRoutes)];
    const double ms = shape.median_ms * std::exp(spread(random));
    RequestRow row = MakeRequest(id, static_cast<int64_t>(ms * 1e6));
    row.start_wall_ns = kStartWallNs + id * 36'000'000;
    row.method = shape.method;
    row.route = shape.route;
    row.target = shape.target;
    if (row.target.ends_with('/') && row.target.size() > 1) {
      row.target += std::to_string(random() % 5000);
    }
    const int64_t latency = row.latency_ns;
    row.on_cpu_ns = latency * static_cast<int64_t>(random() % 80) / 100;
    row.runqueue_ns = latency * static_cast<int64_t>(random() % 8) / 100;
    row.blocked_ns = latency - *row.on_cpu_ns - *row.runqueue_ns;
    row.waiting_ns = 0;
    row.pid = Pid{static_cast<uint32_t>(4242 + random() % 4)};
    row.bytes_out = static_cast<int64_t>(200 + random() % 60'000);
    if (random() % 200 == 0) {
      row.status = 500;
    } else if (random() % 500 == 0) {
      row.status = 0;
      row.outcome = Outcome::kAborted;
      row.on_cpu_ns = row.blocked_ns = row.runqueue_ns = row.waiting_ns = std::nullopt;
    }
    rows.push_back(std::move(row));
  }
  std::ranges::stable_sort(rows, std::greater{},
                           [](const RequestRow& row) { return row.latency_ns; });
  for (int64_t i = 0; i < kProfiles; ++i) {
    RequestRow& row = rows[static_cast<size_t>(i)];
    row.profiled = true;
    row.samples = 7;
    reader->profiles[row.id] = MakeProfile(row.latency_ns);
    reader->timelines[row.id] = MakeTimeline(row);
  }
  rows[1].method = "GET";
  rows[1].route = "/search";
  rows[1].target = "/search?q=hunter2&next=" + std::string(4000, 'a');
}

// Approximate figures will do: the pages take them as they are.
LatencySummary Summarize(int64_t count, int64_t failed, double median_ms) {
  LatencySummary latency;
  latency.count = count;
  latency.failed = failed;
  latency.p50_ns = static_cast<int64_t>(median_ms * 1e6);
  latency.p90_ns = latency.p50_ns * 22 / 10;
  latency.p99_ns = latency.p50_ns * 4;
  latency.min_ns = latency.p50_ns / 8;
  latency.max_ns = latency.p50_ns * 11;
  latency.sum_ns = count * latency.p50_ns * 12 / 10;
  latency.timed = count - failed;
  latency.on_cpu_sum_ns = latency.sum_ns * 4 / 10;
  latency.bytes_in = count * 300;
  latency.bytes_out = count * 30'000;
  return latency;
}

// What a site serves from memory, and what it asks a database for.
void AddHistory(FakeReader* reader) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> spread(0, 0.5);
  const int64_t minute = kStartWallNs / 60'000'000'000;
  for (int64_t i = 0; i < 60; ++i) {
    if (i == 41) {
      continue;
    }
    std::map<uint16_t, int64_t> buckets;
    for (int request = 0; request < 900; ++request) {
      const double median_ms = random() % 3 == 0 ? 60 + i : 4;
      const double ms = median_ms * std::exp(spread(random));
      ++buckets[HistogramBucket(static_cast<int64_t>(ms * 1e6))];
    }
    for (const auto& [bucket, count] : buckets) {
      reader->latency_history.push_back({(minute + i) * 60'000'000'000, bucket, count});
    }
  }
  SystemRow row;
  row.host = "0123456789abcdef";
  row.cpus = 8;
  row.memory_total_bytes = int64_t{32} << 30;
  for (int64_t i = 0; i < 240; ++i) {
    const double wave = std::sin(static_cast<double>(i) / 20);
    row.wall_ns = kStartWallNs + i * 15'000'000'000;
    row.uptime_ns = (400'000 + i * 15) * int64_t{1'000'000'000};
    row.cpu_busy_ns += static_cast<int64_t>((30 + 20 * wave) * 1e9);
    row.cpu_idle_ns += static_cast<int64_t>((90 - 20 * wave) * 1e9);
    row.memory_available_bytes = static_cast<int64_t>((20 - 4 * wave) * (1 << 30));
    row.load1_milli = static_cast<int32_t>(2000 + 1500 * wave);
    row.load5_milli = row.load15_milli = 2000;
    row.cpu_pressure_bp = static_cast<int32_t>(400 + 300 * wave);
    row.memory_pressure_bp = 0;
    row.io_pressure_bp = static_cast<int32_t>(random() % 200);
    reader->system_history.push_back(row);
    reader->process_history.push_back({.wall_ns = row.wall_ns,
                                       .processes = i < 60 ? 5 : 4,
                                       .rss_bytes = (int64_t{220} + i / 4) << 20,
                                       .cpu_ns = static_cast<int64_t>((8 + 5 * wave) * 1e9),
                                       .threads = 12});
  }
  reader->latest_systems = {row};
}

void AddSummaries(FakeReader* reader) {
  for (const RouteShape& shape : kRoutes) {
    reader->routes.push_back(
        {"shop.example", shape.route, Summarize(kRequests / 8, 60, shape.median_ms)});
  }
  std::vector<ProcessSiteRow> served(4);
  for (size_t i = 0; i < served.size(); ++i) {
    served[i].process = ProcessId{static_cast<int64_t>(i) + 2};
  }
  reader->sites = {{"shop.example", 8, Summarize(kRequests + 20'000, 710, 12), served},
                   {"<b>admin</b>.example", 1, Summarize(40, 0, 90)}};
  reader->pooled_profile = MakeProfile(90'000'000'000);
  reader->pooled_profile.requests = kRequests / 8;
  const int64_t minute = kStartWallNs / 60'000'000'000;
  for (int64_t i = 0; i < 60; ++i) {
    if (i == 41) {
      continue;  // a minute without a request
    }
    const double wave = 1 + 0.5 * std::sin(static_cast<double>(i) / 7);
    reader->minutes.emplace_back(
        minute + i, Summarize(static_cast<int64_t>(1700 * wave), i % 9, 14 * (2.2 - wave)));
  }
  Totals& totals = reader->totals;
  totals.latency = Summarize(kRequests + 20'000, 710, 12);
  totals.sites = 1;
  totals.processes = 5;
  totals.processes_alive = 4;
  totals.request_rows = kRequests;
  totals.samples = 48'211;
  totals.samples_attributed = 46'007;
  totals.samples_incomplete = {.truncated = 300, .broken = 11};
  totals.first_wall_ns = kStartWallNs;
  totals.last_wall_ns = kStartWallNs + 3'600'000'000'000;
  totals.own_cpu_ns = 640'000'000;
  totals.database_bytes = 61'000'000;
  totals.lost[PINFO_LOSS_RING_SAMPLE] = 12;
  totals.lost[PINFO_LOSS_PROFILE_RATE] = 7;
}

void AddProcesses(FakeReader* reader) {
  for (uint32_t i = 0; i < 5; ++i) {
    ProcessSummary summary;
    summary.process.id = ProcessId{i + 1};
    summary.process.pid = Pid{4242 + i};
    summary.process.parent = Pid{i == 0 ? 1U : 4242U};
    summary.process.comm = "gunicorn";
    summary.process.exe = "/usr/bin/python3.11";
    summary.process.argv = "/usr/bin/python3 /usr/bin/gunicorn shop.wsgi --workers 4 <b>bold</b>";
    summary.process.cwd = "/srv/shop";
    summary.process.mode = "ebpf";
    summary.process.runtime = "CPython 3.11.2, glibc 2.36";
    summary.process.listen = "127.0.0.1:8000";
    summary.process.start_wall_ns = kStartWallNs - 5'000'000'000 + i * 100'000'000;
    if (i == 3) {
      summary.process.end_wall_ns = kStartWallNs + 900'000'000'000;
      summary.process.exit_status = 9;
    }
    summary.requests = i == 0 ? 0 : kRequests / 4;
    summary.last.wall_ns = kStartWallNs;
    summary.last.user_cpu_ns = 91'000'000'000 + i * 1'000'000;
    summary.last.system_cpu_ns = 11'000'000'000;
    summary.max_rss_bytes = (48 + i) << 20;
    summary.min_threads = 1;
    summary.max_threads = 1 + static_cast<int32_t>(i);
    reader->processes.push_back(summary);
  }
  SessionRow session;
  session.id = 1;
  session.mode = "ebpf-socket";
  session.command = "pinfo attach 4242 --profile slow=50ms";
  session.start_wall_ns = kStartWallNs;
  session.end_wall_ns = kStartWallNs + 3'600'000'000'000;
  session.requests_seen = kRequests + 20'000;
  session.rows_thinned = 20'000;
  session.samples_seen = 48'211;
  session.samples_attributed = 46'007;
  session.own_cpu_ns = 640'000'000;
  session.own_peak_rss_bytes = 31 << 20;
  session.lost[PINFO_LOSS_RING_SAMPLE] = 12;
  session.lost[PINFO_LOSS_PROFILE_RATE] = 7;
  reader->sessions.push_back(session);
}

class FakeMonitors : public MonitorReader {
 public:
  Result<std::vector<MonitorRow>> Monitors() override {
    MonitorRow fine;
    fine.name = "errors";
    fine.title = "Errors of <b>checkout</b>";
    fine.group = "shop";
    fine.level = 0;
    fine.since_wall_ns = kStartWallNs + 2'000'000'000'000;
    fine.checked_wall_ns = kStartWallNs + 3'990'000'000'000;
    fine.value = 0.2;
    fine.unit = "%";
    fine.warning = 1;
    fine.problem = 5;
    fine.text = "0.2% of 1,700 requests failed";
    MonitorRow problem = fine;
    problem.name = "slow";
    problem.title = "Search is quick";
    problem.description = "The 90th percentile of /search over five minutes.";
    problem.level = 2;
    problem.text = "p90 is 180 ms";
    problem.since_wall_ns = kStartWallNs + 3'000'000'000'000;
    return std::vector<MonitorRow>{fine, problem};
  }
  Result<std::vector<MonitorChange>> Changes(const std::optional<std::string>&, int64_t) override {
    const auto at = [](const char* name, int64_t second, uint8_t level, const char* text) {
      return MonitorChange{.name = name,
                           .wall_ns = kStartWallNs + second * 1'000'000'000,
                           .level = level,
                           .value = {},
                           .text = text};
    };
    return std::vector<MonitorChange>{
        at("slow", 3000, 2, "p90 is 180 ms"), at("errors", 2000, 0, "0.2% failed"),
        at("errors", 1500, 1, "<script>alert(1)</script>"), at("slow", 0, 0, "p90 is 40 ms"),
        at("errors", 0, 0, "nothing failed")};
  }
  Result<NotificationCounts> Notifications() override {
    return NotificationCounts{.waiting = 1, .sent = 7, .given_up = 0, .last_error = "refused"};
  }
  Result<std::vector<RouteWindow>> Windows(int64_t) override { return Fail("not asked for"); }
  Result<std::vector<ProcessMemory>> Memories(int64_t) override { return Fail("not asked for"); }
  Result<std::vector<LastMinute>> LastMinutes(int64_t) override { return Fail("not asked for"); }
};

class FakeMetrics : public MetricReader {
 public:
  Result<std::vector<MetricSummary>> Metrics() override {
    return std::vector<MetricSummary>{Make("orders", "Orders", 0, 1), Make("queue", "Queue", 1, 0),
                                      Make("stock", "Items in <stock>", 1, 2)};
  }
  Result<std::optional<MetricSummary>> Find(const std::string&) override { return std::nullopt; }
  Result<std::vector<SeriesPoints>> Points(const std::string& name, int64_t resolution_s,
                                           int64_t) override {
    std::vector<SeriesPoints> series = {{.tags = "region:eu", .points = {}},
                                        {.tags = "region:<b>us</b>", .points = {}}};
    for (int64_t i = 0; i < 3600 / resolution_s + 1; ++i) {
      const double value = 20 + 10 * std::sin(static_cast<double>(i) / 5);
      MetricPoint point{
          .start_s = kStartWallNs / 1'000'000'000 / resolution_s * resolution_s + i * resolution_s,
          .count = 4,
          .sum = value,
          .min = 1,
          .max = value,
          .last = value};
      series[0].points.push_back(point);
      point.sum = point.last = value / 3;
      series[1].points.push_back(point);
    }
    if (name != "orders") {
      series.resize(1);
    }
    return series;
  }
  Result<std::map<std::string, MetricWindow>> Windows(int64_t, bool) override {
    return Fail("not asked for");
  }
  Result<std::map<std::string, int64_t>> Counts() override { return Fail("not asked for"); }

 private:
  static MetricSummary Make(const char* name, const char* title, uint8_t kind, uint8_t chart) {
    MetricSummary summary;
    summary.metric.name = name;
    summary.metric.title = title;
    summary.metric.kind = kind;
    summary.metric.chart = chart;
    summary.metric.group = "business";
    summary.series = 1;
    summary.count = 240;
    summary.sum = 4800;
    summary.last = 23;
    summary.last_wall_ns = kStartWallNs + 3'600'000'000'000;
    return summary;
  }
};

html::MonitoringSource Monitoring() {
  return {.monitors = []() -> Result<std::unique_ptr<MonitorReader>> {
            return std::make_unique<FakeMonitors>();
          },
          .metrics = []() -> Result<std::unique_ptr<MetricReader>> {
            return std::make_unique<FakeMetrics>();
          }};
}

int Run(const std::string& directory) {
  FakeReader reader;
  reader.calls = {{.peer = "10.0.0.7:80", .calls = 1, .waited_ns = 166'000'000},
                  {.peer = "unix:/run/<b>.sock", .calls = 1, .waited_ns = 332'000'000}};
  reader.headers = {{"Host", "shop.example"},
                    {"User-Agent", "Mozilla/5.0 <b>(X11)</b>"},
                    {"Referer", "http://shop.example/search?q=hunter2"},
                    {"Cookie", "..."}};
  AddRequests(&reader, kRequests);
  AddSummaries(&reader);
  AddHistory(&reader);
  AddProcesses(&reader);
  html::ReportOptions options;
  options.directory = directory;
  options.database = "/var/lib/pinfo/pinfo.db";
  options.profiles = 20;
  options.monitoring = Monitoring();
  options.lives = [](const ProcessRow& process) -> std::optional<bool> {
    return process.pid.value != 4246;
  };
  options.written_wall_ns = kStartWallNs + 4'000'000'000'000;
  const Result<std::string> index = html::WriteReport(reader, options);
  if (!index) {
    std::fprintf(stderr, "make_report: %s\n", index.error().message.c_str());
    return 1;
  }
  std::puts(index->c_str());
  return 0;
}

int Serve() {
  std::atomic<int64_t> looks = 0;
  const auto open = [&looks]() -> Result<std::unique_ptr<Reader>> {
    auto reader = std::make_unique<FakeReader>();
    AddRequests(reader.get(), 200 + ++looks);
    AddSummaries(reader.get());
    AddProcesses(reader.get());
    AddHistory(reader.get());
    reader->totals.latency.count += looks;
    return reader;
  };
  html::ServeOptions options;
  options.report.database = "/var/lib/pinfo/pinfo.db";
  options.report.requests = 1000;
  options.report.monitoring = Monitoring();
  const Result<std::unique_ptr<html::ReportServer>> server =
      html::ReportServer::Bind(options, open);
  if (!server) {
    std::fprintf(stderr, "make_report: %s\n", server.error().message.c_str());
    return 1;
  }
  (*server)->Add("metrics", [](const std::string&) {
    return Result<html::ReportServer::Answer>({"text/plain; version=0.0.4", "pinfo_up 1\n"});
  });
  std::puts((*server)->Url().c_str());
  std::fflush(stdout);
  std::thread thread([&server] { static_cast<void>((*server)->Run()); });
  while (std::getchar() != EOF) {
  }
  (*server)->Stop();
  thread.join();
  return 0;
}

}  // namespace
}  // namespace pinfo

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_report DIRECTORY | --serve\n", stderr);
    return 2;
  }
  if (std::string_view(argv[1]) == "--serve") {
    return pinfo::Serve();
  }
  return pinfo::Run(argv[1]);
}

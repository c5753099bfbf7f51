// Writes the report that report_test.mjs opens: 100,000 requests, 20 of them with a page, hostile
// names among them.
//
//   make_report DIRECTORY
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "bpf/wire.h"
#include "html/report.h"
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

// Deterministic: the test knows what it will find.
void AddRequests(FakeReader* reader) {
  std::mt19937_64 random(42);
  std::normal_distribution<double> spread(0, 0.6);
  std::vector<RequestRow>& rows = reader->requests;
  rows.reserve(kRequests);
  for (int64_t id = 1; id <= kRequests; ++id) {
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

void AddSummaries(FakeReader* reader) {
  for (const RouteShape& shape : kRoutes) {
    reader->routes.push_back(
        {"shop.example", shape.route, Summarize(kRequests / 8, 60, shape.median_ms)});
  }
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
    summary.process.pid = Pid{4242 + i};
    summary.process.parent = Pid{i == 0 ? 1U : 4242U};
    summary.process.comm = "gunicorn";
    summary.process.exe = "/usr/bin/python3.11";
    summary.process.argv = "/usr/bin/python3 /usr/bin/gunicorn shop.wsgi --workers 4 <b>bold</b>";
    summary.process.cwd = "/srv/shop";
    summary.process.mode = "ebpf";
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

int Run(const std::string& directory) {
  FakeReader reader;
  AddRequests(&reader);
  AddSummaries(&reader);
  AddProcesses(&reader);
  html::ReportOptions options;
  options.directory = directory;
  options.database = "/var/lib/pinfo/pinfo.db";
  options.profiles = 20;
  options.written_wall_ns = kStartWallNs + 4'000'000'000'000;
  const Result<std::string> index = html::WriteReport(reader, options);
  if (!index) {
    std::fprintf(stderr, "make_report: %s\n", index.error().message.c_str());
    return 1;
  }
  std::puts(index->c_str());
  return 0;
}

}  // namespace
}  // namespace pinfo

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_report DIRECTORY\n", stderr);
    return 2;
  }
  return pinfo::Run(argv[1]);
}

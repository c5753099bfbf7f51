// Makes the database that the report's figures are measured on: REQUESTS requests over an hour, at
// three sites with 40 routes, and every REQUESTS/PROFILED-th with a profile of a web application's
// stacks.
//
// Its rows are settled, as those of a capture that has ended are.
//
//   large_store DATABASE [REQUESTS [PROFILED]]
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bpf/wire.h"
#include "collector/base/histogram.h"
#include "collector/store/sqlite_store.h"

namespace pinfo {
namespace {

constexpr int64_t kStartWallNs = 1'795'230'000'000'000'000;
constexpr int64_t kSpanNs = 3'600'000'000'000;
constexpr int64_t kBatch = 20'000;
constexpr int64_t kRoutes = 40;
constexpr int64_t kSamples = 20;  // of a profiled request
constexpr int64_t kStacks = 400;

void Check(const Status& status) {
  if (!status) {
    std::fprintf(stderr, "large_store: %s\n", status.error().message.c_str());
    std::exit(1);
  }
}

template <typename T>
T Check(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "large_store: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  return std::move(*result);
}

// 40 frames deep, as a Django request's are; the inner half differs.
std::vector<StackId> MakeStacks(Store& store) {
  std::vector<StackId> stacks;
  for (int64_t i = 0; i < kStacks; ++i) {
    std::vector<FrameRow> frames;
    for (int64_t depth = 0; depth < 40; ++depth) {
      const int64_t branch = depth < 20 ? 0 : i >> std::max<int64_t>(0, 8 - (depth - 20) / 2);
      frames.push_back(
          {.function = "Handler" + std::to_string(depth) + ".step_" + std::to_string(branch),
           .file = "/usr/lib/python3/dist-packages/application/part" + std::to_string(depth % 12) +
                   ".py",
           .module = "",
           .function_line = static_cast<int32_t>(10 * depth + branch % 10),
           .line = static_cast<int32_t>(10 * depth + branch % 10 + 3)});
    }
    stacks.push_back(Check(store.InternStack(frames)));
  }
  return stacks;
}

class Maker {
 public:
  Maker(Store& store, int64_t requests, int64_t profiled)
      : store_(store), requests_(requests), every_(profiled > 0 ? requests / profiled : 0) {}

  void Make() {
    Check(store_.Begin());
    ProcessRow process;
    process.pid = Pid{4242};
    process.start_ticks = 1;
    process.boot_id = "boot";
    process.host = "machine";
    process.mode = "ebpf";
    process.comm = "gunicorn";
    process.start_wall_ns = kStartWallNs;
    process_ = Check(store_.PutProcess(process));
    stacks_ = MakeStacks(store_);
    for (int64_t second = 0; second < 3600; ++second) {
      StatusRow status;
      status.process = process_;
      status.wall_ns = kStartWallNs + second * 1'000'000'000;
      status.rss_bytes = 50'000'000 + second * 1000;
      status.user_cpu_ns = second * 500'000'000;
      status.threads = 4;
      Check(store_.AddStatus(status));
    }
    Check(store_.Commit());
    for (int64_t first = 0; first < requests_; first += kBatch) {
      MakeBatch(std::min(kBatch, requests_ - first), first);
    }
    Check(store_.Begin());
    for (const auto& [key, minute] : minutes_) {
      Check(store_.AddMinute(minute));
    }
    SessionRow session;
    session.mode = "ebpf-socket";
    session.command = "large_store";
    session.start_wall_ns = kStartWallNs;
    session.end_wall_ns = kStartWallNs + kSpanNs;
    session.requests_seen = requests_;
    Check(store_.PutSession(session));
    Check(store_.Commit());
    while (Check(store_.Settle()).rows > 0) {
    }
  }

 private:
  void MakeBatch(int64_t count, int64_t first) {
    const RequestIdRange ids = Check(store_.ReserveRequestIds(count));
    Check(store_.Begin());
    for (int64_t i = 0; i < count; ++i) {
      const RequestRow row = MakeRow(RequestId{ids.first + i}, first + i);
      Check(store_.AddRequest(row));
      AddToMinute(row);
      if (row.profiled) {
        AddSamples(row);
      }
    }
    Check(store_.Commit());
  }

  RequestRow MakeRow(RequestId id, int64_t number) {
    const int64_t route = static_cast<int64_t>(random_() % kRoutes);
    RequestRow row;
    row.id = id;
    row.process = process_;
    row.pid = Pid{4242};
    row.tid = Tid{static_cast<uint32_t>(4243 + random_() % 4)};
    row.site = "shop" + std::to_string(route % 3) + ".example";
    row.method = route % 5 == 0 ? "POST" : "GET";
    row.route = "/section" + std::to_string(route) + "/item/{n}";
    row.target = "/section" + std::to_string(route) + "/item/" +
                 std::to_string(random_() % 100'000) + "?page=" + std::to_string(random_() % 50);
    row.status = random_() % 300 == 0 ? 500 : 200;
    row.protocol = "HTTP/1.1";
    row.outcome = Outcome::kComplete;
    row.start_wall_ns = kStartWallNs + number * (kSpanNs / requests_);
    row.latency_ns =
        static_cast<int64_t>((1 + static_cast<double>(route)) * 1e6 * std::exp(spread_(random_)));
    row.first_byte_ns = row.latency_ns / 2;
    row.on_cpu_ns = row.latency_ns * static_cast<int64_t>(random_() % 80) / 100;
    row.runqueue_ns = row.latency_ns / 50;
    row.blocked_ns = row.latency_ns - *row.on_cpu_ns - *row.runqueue_ns;
    row.waiting_ns = 0;
    row.bytes_in = 200;
    row.bytes_out = static_cast<int64_t>(random_() % 60'000);
    row.profiled = every_ > 0 && number % every_ == 0;
    row.samples = row.profiled ? kSamples : 0;
    return row;
  }

  void AddToMinute(const RequestRow& row) {
    MinuteRow& minute = minutes_[{row.route, row.status, row.start_wall_ns / 60'000'000'000}];
    if (minute.count++ == 0) {
      minute.site = row.site;
      minute.route = row.route;
      minute.method = row.method;
      minute.status = row.status;
      minute.minute = row.start_wall_ns / 60'000'000'000;
      minute.latency_min_ns = row.latency_ns;
    }
    minute.failed += row.status >= 500 ? 1 : 0;
    minute.latency_sum_ns += row.latency_ns;
    minute.latency_min_ns = std::min(minute.latency_min_ns, row.latency_ns);
    minute.latency_max_ns = std::max(minute.latency_max_ns, row.latency_ns);
    ++minute.timed;
    minute.on_cpu_sum_ns += *row.on_cpu_ns;
    minute.bytes_in += row.bytes_in;
    minute.bytes_out += row.bytes_out;
    const uint16_t bucket = HistogramBucket(row.latency_ns);
    const auto at = std::ranges::lower_bound(minute.histogram, bucket, {},
                                             [](const auto& entry) { return entry.first; });
    if (at != minute.histogram.end() && at->first == bucket) {
      ++at->second;
    } else {
      minute.histogram.insert(at, {bucket, 1});
    }
  }

  void AddSamples(const RequestRow& row) {
    for (int64_t i = 1; i <= kSamples; ++i) {
      SampleRow sample;
      sample.wall_ns = row.start_wall_ns + row.latency_ns * i / kSamples;
      sample.process = process_;
      sample.tid = row.tid;
      sample.stack = stacks_[random_() % stacks_.size()];
      sample.request = row.id;
      sample.route = row.route;
      sample.site = row.site;
      sample.kind = i % 4 == 0 ? PINFO_SAMPLE_BLOCKED : PINFO_SAMPLE_ON_CPU;
      sample.duration_ns = row.latency_ns / kSamples / 2;
      Check(store_.AddSample(sample));
    }
  }

  Store& store_;
  const int64_t requests_;
  const int64_t every_;
  ProcessId process_;
  std::vector<StackId> stacks_;
  std::map<std::tuple<std::string, int32_t, int64_t>, MinuteRow> minutes_;
  std::mt19937_64 random_{42};
  std::normal_distribution<double> spread_{0, 0.7};
};

}  // namespace
}  // namespace pinfo

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fputs("usage: large_store DATABASE [REQUESTS [PROFILED]]\n", stderr);
    return 2;
  }
  const int64_t requests = argc > 2 ? std::atoll(argv[2]) : 1'000'000;
  const int64_t profiled = argc > 3 ? std::atoll(argv[3]) : 10'000;
  if (requests <= 0 || profiled < 0 || profiled > requests) {
    std::fputs("large_store: as many profiled requests as there are requests at most\n", stderr);
    return 2;
  }
  std::unique_ptr<pinfo::Store> store = pinfo::Check(pinfo::OpenSqliteStore(argv[1]));
  pinfo::Maker(*store, requests, profiled).Make();
  return 0;
}

// The two figures that own metrics and monitors must reach: 100,000 StatsD lines a second on one
// core with none lost, and 1,000 monitors within 100 ms. Prints what it measured, as users would
// see it: real sockets, a real database.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "collector/base/wall_clock.h"
#include "collector/config/load.h"
#include "collector/metric/metric_collector.h"
#include "collector/monitor/record.h"
#include "collector/store/sqlite_store.h"

namespace pinfo {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

double ThreadSeconds() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

double ProcessSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

UniqueFd Connected(const std::string& listen) {
  UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoi(SplitListenAddress(listen).port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    std::perror("connect");
    std::exit(1);
  }
  return fd;
}

// Sends this many lines a second for some seconds, as evenly as a sleep of 1 ms allows; a datagram
// has per_datagram of them.
void MeasureStatsd(const std::string& database, int64_t rate, int per_datagram, int seconds) {
  Configuration configuration = *ParseConfiguration("[statsd]\nudp = \"127.0.0.1:0\"\n", "bench");
  MetricCollector collector(configuration);
  if (const auto notes = collector.Apply(configuration); !notes.empty()) {
    fmt::print("{}\n", notes[0]);
    std::exit(1);
  }
  const UniqueFd fd = Connected(collector.statsd_address());
  const std::string name = fmt::format("bench.{}.{}", rate, per_datagram);
  std::vector<std::string> datagrams(100);
  for (size_t i = 0; i < datagrams.size(); ++i) {
    for (int line = 0; line < per_datagram; ++line) {
      datagrams[i] += fmt::format("{}:{}|{}|#host:web{}\n", name, line + 1, "c", i);
    }
  }
  const double own_begin = ProcessSeconds();
  double sender_cpu = 0;
  int64_t sent = 0;
  std::thread sender([&] {
    const Clock::time_point begin = Clock::now();
    const int64_t total = rate * seconds;
    while (sent < total) {
      const auto due =
          static_cast<int64_t>(Seconds(Clock::now() - begin) * static_cast<double>(rate));
      while (sent < std::min(due, total)) {
        const std::string& datagram = datagrams[static_cast<size_t>(sent) % datagrams.size()];
        if (send(fd.get(), datagram.data(), datagram.size(), 0) > 0) {
          sent += per_datagram;
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    sender_cpu = ThreadSeconds();
  });
  sender.join();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const double own = ProcessSeconds() - own_begin - sender_cpu;
  auto store = OpenMetricStore(database);
  if (!collector.Flush(**store, WallClockNs(), /*all=*/true)) {
    std::exit(1);
  }
  const auto reader = OpenMetricReader(database);
  const auto found = (*reader)->Find(name);
  const double received = found && *found ? (*found)->count : 0;
  const auto losses = (*reader)->Counts();
  const auto dropped = losses->find("statsd_dropped_datagrams");
  fmt::print(
      "statsd {:>7} lines/s, {:>2} a datagram: {} sent, {} counted, {} lost ({} datagrams "
      "dropped by the kernel, counted in all); {:.1f}% of one CPU\n",
      rate, per_datagram, sent, received, static_cast<double>(sent) - received,
      dropped == losses->end() ? 0 : dropped->second, 100 * own / seconds);
}

// Requests on 200 routes over the last minutes, and values of 100 metrics.
void Fill(const std::string& database) {
  auto store = OpenSqliteStore(database);
  const int64_t minute = WallClockNs() / (60 * kSecondNs);
  if (!(*store)->Begin()) {
    std::exit(1);
  }
  for (int route = 0; route < 200; ++route) {
    for (int64_t back = 0; back < 15; ++back) {
      for (const int status : {200, 404, 500}) {
        MinuteRow row;
        row.site = "bench.example";
        row.route = fmt::format("/route/{}", route);
        row.method = "GET";
        row.status = status;
        row.minute = minute - back;
        row.count = 100;
        row.failed = status == 500 ? 100 : 0;
        for (uint16_t bucket = 300; bucket < 330; ++bucket) {
          row.histogram.emplace_back(bucket, 3);
        }
        if (!(*store)->AddMinute(row)) {
          std::exit(1);
        }
      }
    }
  }
  if (!(*store)->Commit()) {
    std::exit(1);
  }
}

// 1,000 monitors of all kinds that need no other program: evaluation with its reads from the
// database, and with the writing down.
void MeasureMonitors(const std::string& database) {
  std::string text = "[[person]]\nname = \"p\"\nmail = \"p@example.org\"\n";
  for (int i = 0; i < 100; ++i) {
    text += fmt::format("[[metric]]\nname = \"m{}\"\n", i);
  }
  static constexpr const char* kKinds[] = {
      "latency = \"/route/{}\"\npercentile = 99\nwarning = \"1s\"\n",
      "error_rate = \"/route/{}*\"\nwarning = \"50%\"\n",
      "metric = \"m{}\"\nfigure = \"sum\"\nproblem = 1000000\n",
      "memory = \"server{}\"\nproblem = \"1GB\"\n",
      "age_of_file = \"/etc/hostname\"\ndescription = \"{}\"\n"};
  for (int i = 0; i < 1'000; ++i) {
    text += fmt::format("[[monitor]]\nname = \"monitor {}\"\n", i);
    text += fmt::format(fmt::runtime(kKinds[i % 5]), i % 100);
  }
  const Configuration configuration = *ParseConfiguration(text, "bench");
  auto store = OpenMonitorStore(database);
  RequestTimes times;
  const std::map<std::string, CheckResult> results;
  std::vector<double> evaluations;
  std::vector<double> totals;
  for (int round = 0; round < 20; ++round) {
    const Clock::time_point begin = Clock::now();
    const auto inputs = ReadMonitorInputs(database, WallClockNs(), times, results);
    const std::vector<Finding> findings = EvaluateAll(configuration, *inputs);
    evaluations.push_back(Seconds(Clock::now() - begin) * 1e3);
    if (!RecordFindings(configuration, findings, WallClockNs(), **store)) {
      std::exit(1);
    }
    totals.push_back(Seconds(Clock::now() - begin) * 1e3);
  }
  std::sort(evaluations.begin(), evaluations.end());
  std::sort(totals.begin(), totals.end());
  fmt::print(
      "1,000 monitors: evaluated in {:.1f} ms, with states written in {:.1f} ms (medians of "
      "20; the slowest {:.1f} ms)\n",
      evaluations[10], totals[10], totals.back());
}

}  // namespace
}  // namespace pinfo

int main() {
  std::string name = (std::filesystem::temp_directory_path() / "pinfo-bench-XXXXXX").string();
  const std::filesystem::path folder = mkdtemp(name.data());
  const std::string database = (folder / "pinfo.db").string();
  pinfo::Fill(database);
  pinfo::MeasureStatsd(database, 100'000, 1, 5);
  pinfo::MeasureStatsd(database, 100'000, 10, 5);
  pinfo::MeasureStatsd(database, 500'000, 10, 3);
  pinfo::MeasureMonitors(database);
  std::filesystem::remove_all(folder);
}

// Writes a recording of a week (docs/formats.md), to see by `pinfo replay` that a database stays
// below its limit: week_recording FILE [REQUESTS=10000000]. 100 routes, 20 hosts, one request in
// 500 fails, one in 50 with a stack sample, /proc figures of 8 processes every 10 s.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>

#include <fmt/format.h>

#include "collector/base/wall_clock.h"
#include "collector/process/proc_record.h"
#include "collector/source/recording.h"
#include "tests/unit/pipeline/make_record.h"

namespace {

using namespace pinfo;  // a program of one file

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kWeek = 7 * 86'400 * kSecond;
constexpr uint32_t kProcesses = 8;

class Week {
 public:
  explicit Week(RecordingWriter& writer) : writer_(writer) {}

  void WriteProcesses(int64_t now_ns) {
    for (uint32_t pid = 1001; pid <= 1000 + kProcesses; ++pid) {
      pinfo_process process{};
      process.start_ticks = pid;
      process.parent_pid = 1000;
      const std::string text("/usr/bin/app\0app\0/\0app\0\0\0", 24);
      process.text_bytes = static_cast<pinfo_u32>(text.size());
      Put(MakeRecord(process, PINFO_RECORD_PROCESS, now_ns, pid, pid, text));
    }
  }

  void WriteFigures(int64_t now_ns) {
    for (uint32_t pid = 1001; pid <= 1000 + kProcesses; ++pid) {
      pinfo_status status{};
      status.rss_bytes = random_() % (1 << 28);
      status.peak_rss_bytes = 1 << 28;
      status.user_cpu_ns = static_cast<pinfo_u64>(now_ns) / 10;
      status.threads = 4;
      status.open_fds = 30;
      Put(MakeRecord(status, PINFO_RECORD_STATUS, now_ns, pid, pid));
    }
  }

  void WriteRequest(int64_t now_ns) {
    const uint32_t pid = 1001 + random_() % kProcesses;
    const auto latency = static_cast<int64_t>(1e6 * std::exp(noise_(random_)));
    const uint64_t connection = pid + 100 * (1 + random_() % 4);
    const uint32_t turn = ++turns_[connection];
    Put(MakeReceived(now_ns, connection, turn,
                     fmt::format("GET /section{}/{}?q={} HTTP/1.1\r\nHost: site{}.example\r\n\r\n",
                                 random_() % 100, random_() % 100'000, random_(), random_() % 20),
                     pid));
    if (random_() % 50 == 0) {
      pinfo_sample sample{};
      sample.connection = connection;
      sample.turn = turn;
      sample.weight = 1;
      sample.kind = PINFO_SAMPLE_ON_CPU;
      Put(MakeRecord(sample, PINFO_RECORD_SAMPLE, now_ns + latency / 2, pid, pid));
    }
    Put(MakeResponse(now_ns, now_ns + latency, connection, turn,
                     random_() % 500 == 0 ? "HTTP/1.1 500 E\r\nContent-Length: 0\r\n\r\n"
                                          : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                     pid));
  }

 private:
  void Put(const RecordWords& record) { writer_.OnRecord(BytesOf(record)); }

  RecordingWriter& writer_;
  std::mt19937_64 random_{1};
  std::normal_distribution<double> noise_{1.0, 1.0};
  std::map<uint64_t, uint32_t> turns_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: week_recording FILE [REQUESTS]\n", stderr);
    return 2;
  }
  const int64_t requests = argc > 2 ? std::atoll(argv[2]) : 10'000'000;
  Origin origin = LiveOrigin();
  // It ends now, whenever this machine was started.
  origin.wall_minus_monotonic_ns = WallClockNs() - kWeek;
  auto writer = RecordingWriter::Create(argv[1], origin, "ebpf-socket");
  if (!writer) {
    std::fprintf(stderr, "%s\n", writer.error().message.c_str());
    return 1;
  }
  Week week(**writer);
  week.WriteProcesses(1);
  int64_t next_figures_ns = 0;
  for (int64_t i = 0; i < requests; ++i) {
    const auto now_ns =
        static_cast<int64_t>(static_cast<double>(i) / static_cast<double>(requests) *
                             static_cast<double>(kWeek)) +
        2;
    if (now_ns >= next_figures_ns) {
      week.WriteFigures(now_ns);
      next_figures_ns = now_ns + 10 * kSecond;
    }
    week.WriteRequest(now_ns);
  }
  const Status status = (*writer)->Flush();
  if (!status) {
    std::fprintf(stderr, "%s\n", status.error().message.c_str());
  }
  return status ? 0 : 1;
}

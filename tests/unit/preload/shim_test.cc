// libpinfo.so below a small server (target.c): the records it leaves, and that the server behaves
// as without it.
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collector/source/record.h"
#include "collector/source/ring_source.h"

namespace pinfo {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

template <typename T>
struct Kept {
  T fixed;
  std::string payload;
};

class KeepingSink : public RecordSink {
 public:
  void OnRecord(std::span<const std::byte> bytes) override {
    const auto record = DecodeRecord(bytes);
    ASSERT_TRUE(record);
    const std::string text(record->text());
    switch (record->type()) {
      case PINFO_RECORD_RECEIVED:
        received.push_back({record->as<pinfo_received>(), text});
        break;
      case PINFO_RECORD_RESPONSE:
        responses.push_back({record->as<pinfo_response>(), text});
        break;
      case PINFO_RECORD_CLOSE:
        closes.push_back(record->as<pinfo_close>());
        break;
      case PINFO_RECORD_SAMPLE:
        samples.push_back({record->as<pinfo_sample>(), text});
        break;
      case PINFO_RECORD_MAPPING:
        mappings.push_back({record->as<pinfo_mapping>(), text});
        break;
      case PINFO_RECORD_PROCESS:
        processes.push_back({record->as<pinfo_process>(), text});
        break;
      case PINFO_RECORD_EXIT:
        exits.push_back(record->as<pinfo_exit>());
        break;
      case PINFO_RECORD_TASK:
        tasks.push_back(record->as<pinfo_task>());
        break;
      case PINFO_RECORD_EXEC:
        execs.push_back(text);
        break;
      case PINFO_RECORD_EXCHANGE:
        FAIL() << "the shim holds no request back";
      case PINFO_RECORD_SEGMENT:
        segments.push_back(record->as<pinfo_segment>());
        break;
      case PINFO_RECORD_KERNEL_FUNCTION:
        FAIL() << "the shim sees nothing of the kernel";
      case PINFO_RECORD_PYTHON_CODE:
      case PINFO_RECORD_PYTHON:
      case PINFO_RECORD_EXACT:
        FAIL() << "the target runs no Python";
      case PINFO_RECORD_LOSS:
        losses[record->as<pinfo_loss>().kind] += record->as<pinfo_loss>().count;
        break;
      case PINFO_RECORD_CALL:
        calls.push_back(record->as<pinfo_call>());
        break;
      case PINFO_RECORD_SYSTEM:  // from whoever reads the ring
        break;
      case PINFO_RECORD_STATUS:
        FAIL() << "the shim sends no status";
    }
  }

  std::vector<Kept<pinfo_received>> received;
  std::vector<Kept<pinfo_response>> responses;
  std::vector<pinfo_close> closes;
  std::vector<pinfo_call> calls;
  std::vector<Kept<pinfo_sample>> samples;
  std::vector<Kept<pinfo_mapping>> mappings;
  std::vector<Kept<pinfo_process>> processes;
  std::vector<pinfo_segment> segments;
  std::vector<pinfo_exit> exits;
  std::vector<pinfo_task> tasks;
  std::vector<std::string> execs;
  std::map<uint32_t, uint64_t> losses;
};

struct Outcome {
  int status = 0;  // as wait(2) gives it
  std::string output;
};

Outcome RunCommand(const std::string& command) {
  FILE* stream = popen(command.c_str(), "r");
  Outcome outcome;
  std::array<char, 4096> buffer{};
  while (const size_t n = fread(buffer.data(), 1, buffer.size(), stream)) {
    outcome.output.append(buffer.data(), n);
  }
  outcome.status = pclose(stream);
  return outcome;
}

class ShimTest : public testing::Test {
 protected:
  ShimTest() {
    std::string name = (std::filesystem::temp_directory_path() / "pinfo-shim-XXXXXX").string();
    directory_ = mkdtemp(name.data());
  }
  ~ShimTest() override { std::filesystem::remove_all(directory_); }

  static std::string Bare(const std::string& mode) {
    return std::string("exec " PINFO_PRELOAD_TARGET " ") + mode;
  }
  std::string Below(const std::string& mode, const std::string& more = "") const {
    return "PINFO_RING_DIR=" + directory_.string() + " " + more +
           " LD_PRELOAD=" PINFO_PRELOAD_LIBRARY " " PINFO_PRELOAD_TARGET " " + mode;
  }
  // Runs the target with and without the shim: same status, same output. Then reads its rings.
  void RunBoth(const std::string& mode, const std::string& more = "") {
    const Outcome bare = RunCommand(Bare(mode));
    const Outcome below = RunCommand(Below(mode, more));
    EXPECT_EQ(below.status, bare.status);
    EXPECT_EQ(below.output, bare.output);
    Read();
  }
  void Read() {
    auto source = RingSource::Open(directory_, RingSource::AtStop::kLeaveWriters);
    ASSERT_TRUE(source) << source.error().message;
    ASSERT_TRUE((*source)->Drain(sink_));
    EXPECT_EQ((*source)->live_processes(), 0U);
    EXPECT_THAT(sink_.losses, IsEmpty());
    EXPECT_TRUE(std::filesystem::is_empty(directory_));
  }

  std::filesystem::path directory_;
  KeepingSink sink_;
};

TEST(ShimLibrary, NeedsLibcAlone) {
  const Outcome dynamic = RunCommand("readelf -dW " PINFO_PRELOAD_LIBRARY);
  ASSERT_EQ(dynamic.status, 0);
  size_t needed = 0;
  for (size_t at = 0; (at = dynamic.output.find("(NEEDED)", at)) != std::string::npos; ++at) {
    ++needed;
  }
  EXPECT_EQ(needed, 1U) << dynamic.output;
  EXPECT_THAT(dynamic.output, HasSubstr("[libc.so.6]"));
  EXPECT_THAT(dynamic.output, HasSubstr("STATIC_TLS")) << "initial-exec";
}

TEST(ShimLibrary, ExportsOnlyWhatItStandsInFrontOf) {
  const Outcome symbols = RunCommand("nm -D --defined-only " PINFO_PRELOAD_LIBRARY);
  ASSERT_EQ(symbols.status, 0);
  for (const char* name : {" read\n", " writev\n", " __read_chk\n", " sendfile64\n", " accept4\n",
                           " epoll_pwait2\n", " pthread_create\n", " dlopen\n"}) {
    EXPECT_THAT(symbols.output, HasSubstr(name));
  }
  EXPECT_THAT(symbols.output, Not(HasSubstr("pinfo_")));
  EXPECT_THAT(symbols.output, Not(HasSubstr("_Unwind")));
  EXPECT_THAT(symbols.output, Not(HasSubstr(" malloc")));
}

TEST_F(ShimTest, TwoRecordsARequest) {
  RunBoth("serve 50");
  ASSERT_THAT(sink_.received, SizeIs(50));
  ASSERT_THAT(sink_.responses, SizeIs(50));
  EXPECT_THAT(sink_.closes, IsEmpty()) << "the last response carries the end";
  for (uint32_t i = 0; i < 50; ++i) {
    const auto& [request, head] = sink_.received[i];
    const auto& [response, body] = sink_.responses[i];
    EXPECT_EQ(request.turn, i + 1);
    EXPECT_EQ(request.connection, sink_.received[0].fixed.connection);
    EXPECT_THAT(head, StartsWith("GET /path HTTP/1.1\r\n"));
    EXPECT_EQ(request.received, head.size());
    EXPECT_EQ(request.transport, PINFO_TRANSPORT_TCP4);
    EXPECT_NE(request.local_port, 0);
    EXPECT_NE(request.peer_port, request.local_port);
    EXPECT_EQ(response.turn, i + 1);
    EXPECT_THAT(body, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_EQ(response.bytes_out, body.size());
    EXPECT_EQ(response.start_ns, request.start_ns);
    EXPECT_LE(response.start_ns, response.first_out_ns);
    EXPECT_LE(response.first_out_ns, response.last_out_ns);
    EXPECT_EQ(response.flags & PINFO_RESPONSE_TIMES_VALID, PINFO_RESPONSE_TIMES_VALID);
    EXPECT_EQ(response.spent.on_cpu_ns + response.spent.blocked_ns + response.spent.runqueue_ns,
              response.last_out_ns - response.start_ns);
  }
  EXPECT_EQ(sink_.responses[49].fixed.flags & PINFO_RESPONSE_CLOSED, PINFO_RESPONSE_CLOSED);
}

TEST_F(ShimTest, SaysWhoTheProcessIs) {
  RunBoth("status");
  ASSERT_THAT(sink_.processes, SizeIs(1));
  EXPECT_THAT(sink_.processes[0].payload, HasSubstr("preload_target"));
  EXPECT_THAT(sink_.processes[0].payload, HasSubstr(" status"));
  ASSERT_THAT(sink_.exits, SizeIs(1));
  EXPECT_EQ(sink_.exits[0].process_ended, 1U);
  EXPECT_EQ(sink_.exits[0].status, 5U << 8);
  ASSERT_THAT(sink_.mappings, SizeIs(Ge(3)));
  EXPECT_EQ(sink_.mappings[0].fixed.flags, PINFO_MAPPING_EXECUTABLE | PINFO_MAPPING_RESET);
  std::set<std::string> paths;
  for (const auto& mapping : sink_.mappings) {
    EXPECT_LT(mapping.fixed.start, mapping.fixed.end);
    paths.insert(std::filesystem::path(mapping.payload).filename());
  }
  EXPECT_TRUE(paths.contains("libc.so.6") && paths.contains("preload_target") &&
              paths.contains("[vdso]"));
}

TEST_F(ShimTest, AProcessThatServesNothingLeavesNothing) { RunBoth("plain"); }

TEST_F(ShimTest, OneRecordForAResponseInPieces) {
  RunBoth("pieces");
  ASSERT_THAT(sink_.received, SizeIs(2)) << "the peek is not counted";
  EXPECT_EQ(sink_.received[0].payload + sink_.received[1].payload,
            "GET /path HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(sink_.received[1].fixed.offset, 5U);
  ASSERT_THAT(sink_.responses, SizeIs(1));
  EXPECT_EQ(sink_.responses[0].payload, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
}

TEST_F(ShimTest, AForkedChildHasARingOfItsOwn) {
  RunBoth("forks");
  std::map<uint32_t, size_t> by_process;
  std::set<uint64_t> connections;
  for (const auto& [request, head] : sink_.received) {
    ++by_process[request.header.pid];
    connections.insert(request.connection);
  }
  ASSERT_THAT(by_process, SizeIs(2));
  EXPECT_THAT(connections, SizeIs(2)) << "never one id in two processes";
  EXPECT_THAT(sink_.received, SizeIs(3));
  EXPECT_THAT(sink_.exits, SizeIs(2));
  ASSERT_THAT(sink_.tasks, SizeIs(1));
  EXPECT_TRUE(by_process.contains(sink_.tasks[0].parent_pid));
  EXPECT_NE(sink_.tasks[0].parent_pid, sink_.tasks[0].header.pid);
}

TEST_F(ShimTest, AVforkChildChangesNothingInItsParent) {
  RunBoth("spawns");
  ASSERT_THAT(sink_.received, SizeIs(2));
  EXPECT_EQ(sink_.received[0].fixed.connection, sink_.received[1].fixed.connection);
  EXPECT_THAT(sink_.exits, SizeIs(1));
}

TEST_F(ShimTest, GoesOnInTheSameRingAfterExec) {
  RunBoth("exec");
  EXPECT_THAT(sink_.received, SizeIs(3));
  EXPECT_THAT(sink_.execs, ElementsAre(HasSubstr("preload_target")));
  EXPECT_THAT(sink_.processes, SizeIs(2));
  EXPECT_THAT(sink_.exits, SizeIs(1));
}

TEST_F(ShimTest, ADescriptorThatIsReusedIsNoConnection) {
  RunBoth("reuse");
  EXPECT_THAT(sink_.received, SizeIs(1));
  EXPECT_THAT(sink_.responses, SizeIs(1));
}

TEST_F(ShimTest, KeepsErrnoAndErrors) {
  RunBoth("errno");
  EXPECT_THAT(sink_.received, SizeIs(1));
}

TEST_F(ShimTest, LocksAnswerAsTheyDoAndTheirWaitsHaveStacks) {
  RunBoth("locks");
  ASSERT_THAT(sink_.responses, SizeIs(1));
  // Two waits of 30 ms, for a read-write lock and then for a mutex.
  uint64_t blocked = 0;
  for (const auto& [sample, stack] : sink_.samples) {
    if (sample.kind == PINFO_SAMPLE_BLOCKED) {
      EXPECT_EQ(sample.connection, sink_.responses[0].fixed.connection);
      blocked += sample.duration_ns;
    }
  }
  EXPECT_GE(blocked, 50'000'000U);
}

TEST_F(ShimTest, ATurnsTimeIsItsOwnThreadsTurns) {
  RunBoth("loop");
  // The first request was read, put aside for an event, taken up again and answered.
  ASSERT_THAT(sink_.responses, SizeIs(2));
  ASSERT_THAT(sink_.segments, Not(IsEmpty()));
  const pinfo_segment& first = sink_.segments.front();
  EXPECT_EQ(first.turn, 1U);
  EXPECT_EQ(first.spent.on_cpu_ns + first.spent.blocked_ns + first.spent.runqueue_ns,
            first.end_ns - first.begin_ns);
  for (const auto& [response, body] : sink_.responses) {
    const bool put_aside = response.connection == first.connection;
    EXPECT_EQ((response.flags & PINFO_RESPONSE_TIMES_VALID) != 0, !put_aside);
    if (put_aside) {
      EXPECT_EQ(response.start_ns, first.begin_ns);
      EXPECT_LT(first.end_ns, sink_.segments.back().begin_ns);
      EXPECT_EQ(sink_.segments.back().end_ns, response.last_out_ns);
    }
  }
}

TEST_F(ShimTest, TheSignalIsHidden) { RunBoth("signals"); }

TEST_F(ShimTest, SurvivesSigkill) {
  const Outcome outcome = RunCommand(Below("killed", "exec env"));
  EXPECT_TRUE(WIFSIGNALED(outcome.status));
  Read();
  EXPECT_THAT(sink_.received, SizeIs(3));
  EXPECT_THAT(sink_.responses, SizeIs(3));
  EXPECT_THAT(sink_.exits, SizeIs(1)) << "made up by the reader";
}

TEST_F(ShimTest, SamplesTheThreadAndSplitsItsTime) {
  RunBoth("burns", "PINFO_HZ=99");
  ASSERT_THAT(sink_.responses, Not(IsEmpty()));
  const pinfo_response& response = sink_.responses.back().fixed;
  const uint64_t latency = response.last_out_ns - response.start_ns;
  EXPECT_EQ(response.spent.on_cpu_ns + response.spent.blocked_ns + response.spent.runqueue_ns,
            latency);
  EXPECT_THAT(response.spent.on_cpu_ns, AllOf(Ge(300'000'000U), Le(315'000'000U)));
  EXPECT_GE(response.spent.blocked_ns, 30'000'000U);
  uint64_t periods = 0;
  uint64_t blocked = 0;
  for (const auto& [sample, stack] : sink_.samples) {
    if (sample.connection != response.connection) {
      continue;
    }
    EXPECT_EQ(sample.header.tid, response.begin_tid);
    EXPECT_EQ(sample.turn, 1U);
    EXPECT_GT(sample.stack_bytes, 0U);
    if (sample.kind == PINFO_SAMPLE_ON_CPU) {
      periods += sample.weight;
    } else {
      blocked += sample.duration_ns;
    }
  }
  // 300 ms at 99 Hz. A timer is looked at when a tick finds the thread running: on a busy machine
  // the last periods pass unseen.
  EXPECT_THAT(periods, AllOf(Ge(12U), Le(31U)));
  EXPECT_GE(blocked, 30'000'000U);
}

TEST_F(ShimTest, NoSamplesAtZeroHertz) {
  RunBoth("burns", "PINFO_HZ=0");
  for (const auto& [sample, stack] : sink_.samples) {
    EXPECT_EQ(sample.kind, PINFO_SAMPLE_BLOCKED);
  }
  EXPECT_THAT(sink_.responses, SizeIs(1));
}

TEST_F(ShimTest, ThreadsComeAreCancelledAndGo) {
  RunBoth("threads");
  EXPECT_THAT(sink_.received, SizeIs(2));
  EXPECT_THAT(sink_.tasks.size(), Ge(1U));
}

TEST_F(ShimTest, NewlyLoadedCodeIsDescribed) {
  RunBoth("loads");
  size_t zlib = 0;
  for (const auto& mapping : sink_.mappings) {
    zlib += mapping.payload.find("libz.so") != std::string::npos ? 1 : 0;
  }
  EXPECT_GE(zlib, 1U);
}

TEST_F(ShimTest, ForwardsWhereNoRingCanBe) {
  std::ofstream(directory_ / "file") << "not a directory";
  const Outcome outcome =
      RunCommand("PINFO_RING_DIR=" + (directory_ / "file").string() +
                 " LD_PRELOAD=" PINFO_PRELOAD_LIBRARY " " PINFO_PRELOAD_TARGET " serve 5");
  EXPECT_EQ(outcome.status, 0);
}

TEST_F(ShimTest, ATinyRingLosesAndCounts) {
  const Outcome outcome = RunCommand(Below("serve 5000", "PINFO_RING_BYTES=1"));
  EXPECT_EQ(outcome.status, 0);
  auto source = RingSource::Open(directory_, RingSource::AtStop::kLeaveWriters);
  ASSERT_TRUE(source);
  ASSERT_TRUE((*source)->Drain(sink_));
  const uint64_t lost =
      sink_.losses[PINFO_LOSS_RING_RECEIVED] + sink_.losses[PINFO_LOSS_RING_RESPONSE];
  EXPECT_GT(lost, 0U);
  EXPECT_EQ(sink_.received.size() + sink_.losses[PINFO_LOSS_RING_RECEIVED], 5000U);
}

}  // namespace
}  // namespace pinfo

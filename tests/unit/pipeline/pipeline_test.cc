// The whole pipeline over a scripted source and a store that only remembers.
#include "collector/pipeline/pipeline.h"

#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/pipeline/make_record.h"
#include "tests/unit/pipeline/remembering_store.h"

namespace pinfo {
namespace {

class ScriptedSource : public Source {
 public:
  explicit ScriptedSource(std::vector<RecordWords> records) : records_(std::move(records)) {}
  std::string mode() const override { return "ebpf-socket"; }
  Result<size_t> Drain(RecordSink& sink) override {
    if (drained_) {
      return 0;
    }
    drained_ = true;
    for (const RecordWords& record : records_) {
      sink.OnRecord(BytesOf(record));
    }
    if (!failure.empty()) {
      return Fail(failure);
    }
    return records_.size();
  }
  bool Ended() const override { return drained_; }
  void Stop() override {}
  std::string failure;

 private:
  std::vector<RecordWords> records_;
  bool drained_ = false;
};

RecordWords MakeSample(int64_t time_ns, uint64_t connection, uint32_t turn) {
  pinfo_sample sample{};
  sample.connection = connection;
  sample.turn = turn;
  sample.weight = 1;
  sample.kind = PINFO_SAMPLE_ON_CPU;
  return MakeRecord(sample, PINFO_RECORD_SAMPLE, time_ns, 1, 1);
}

std::vector<RecordWords> TwoRequests() {
  return {MakeReceived(1'000, 5, 1, "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
          MakeSample(1'500, 5, 1),
          MakeResponse(1'000, 2'000, 5, 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
          MakeSample(2'500, 5, 1),
          MakeReceived(3'000, 5, 2, "GET /users/42 HTTP/1.1\r\nHost: h\r\n\r\n"),
          MakeResponse(3'000, 9'000, 5, 2, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n")};
}

PipelineOptions Replayed() {
  PipelineOptions options;
  options.live = false;
  return options;
}

TEST(PipelineTest, RequestsTheirTimesAndTheirSamplesAreStored) {
  ScriptedSource source(TwoRequests());
  RememberingStore store;
  const std::atomic<bool> stop = false;
  const auto summary = RunPipeline(Replayed(), source, store, nullptr, stop);
  ASSERT_TRUE(summary.status.has_value()) << summary.status.error().message;
  EXPECT_EQ(summary.rows_not_stored, 0);
  ASSERT_EQ(store.requests.size(), 2U);
  EXPECT_EQ(store.requests[0].target, "/a");
  EXPECT_EQ(store.requests[0].status, 200);
  EXPECT_EQ(store.requests[0].latency_ns, 1'000);
  EXPECT_EQ(store.requests[0].on_cpu_ns, 1'000);
  EXPECT_EQ(store.requests[0].waiting_ns, 0);
  EXPECT_EQ(store.requests[0].samples, 1);
  EXPECT_EQ(store.requests[0].site, "h");
  EXPECT_EQ(store.requests[1].route, "/users/{n}");
  EXPECT_EQ(store.requests[1].status, 503);
  EXPECT_EQ(summary.session.requests_seen, 2);
  EXPECT_EQ(summary.session.samples_seen, 2);
  EXPECT_EQ(summary.session.samples_attributed, 1);
  // The sample between the requests is stored, as nobody's.
  ASSERT_EQ(store.samples.size(), 2U);
  EXPECT_EQ(std::count_if(store.samples.begin(), store.samples.end(),
                          [](const SampleRow& row) { return row.request.has_value(); }),
            1);
  int64_t counted = 0;
  for (const MinuteRow& minute : store.minutes) {
    counted += minute.count;
  }
  EXPECT_EQ(counted, 2);
}

TEST(PipelineTest, CallsToOtherServersAreKeptWithTheirRequest) {
  pinfo_call call{};
  call.connection = 5;
  call.turn = 1;
  call.first_ns = 1'200;
  call.last_ns = 1'700;
  call.waited_ns = 500;
  call.calls = 2;
  call.transport = PINFO_TRANSPORT_UNIX;
  call.path_bytes = 4;
  pinfo_call other = call;
  other.first_ns = 2'100;
  other.last_ns = 2'200;
  std::vector<RecordWords> records = TwoRequests();
  records.push_back(MakeRecord(call, PINFO_RECORD_CALL, 1'700, 1, 1, "/run"));
  records.push_back(MakeRecord(other, PINFO_RECORD_CALL, 2'200, 1, 1, "/run"));
  ScriptedSource source(std::move(records));
  RememberingStore store;
  const std::atomic<bool> stop = false;
  const auto summary = RunPipeline(Replayed(), source, store, nullptr, stop);
  ASSERT_EQ(store.requests.size(), 2U);
  EXPECT_EQ(store.requests[0].calls, 2);
  EXPECT_EQ(store.requests[0].calls_ns, 500);
  EXPECT_EQ(store.requests[1].calls, 0);
  ASSERT_EQ(store.calls.size(), 1U);
  EXPECT_EQ(store.calls[0].peer, "unix:/run");
  EXPECT_EQ(summary.session.calls_seen, 4);
  EXPECT_EQ(summary.session.calls_attributed, 2);
}

TEST(PipelineTest, ADatabaseThatStaysLockedIsTold) {
  ScriptedSource source(TwoRequests());
  RememberingStore store;
  PipelineOptions options = Replayed();
  store.begins_to_fail = 1;
  std::vector<std::string> told;
  options.on_trouble = [&](const std::string& text) { told.push_back(text); };
  const std::atomic<bool> stop = false;
  const auto summary = RunPipeline(options, source, store, nullptr, stop);
  // The only batch of so short a run is the last one: it fails, and says so.
  ASSERT_FALSE(summary.status.has_value());
  EXPECT_THAT(summary.status.error().message, testing::HasSubstr("locked"));
  // What was seen is known all the same, and that none of it is there to be read.
  EXPECT_EQ(summary.session.requests_seen, 2);
  EXPECT_EQ(summary.rows_not_stored, 2);
  EXPECT_EQ(summary.samples_not_stored, 2);
  EXPECT_EQ(summary.store_failures, 1);
  EXPECT_THAT(told, testing::ElementsAre(testing::HasSubstr("locked")));
  EXPECT_EQ(store.settles, 0) << "nothing is to be settled that was not stored";
}

TEST(PipelineTest, WhatTheStorePutOffIsSettledAtTheEnd) {
  ScriptedSource source(TwoRequests());
  RememberingStore store;
  const std::atomic<bool> stop = false;
  RunPipeline(Replayed(), source, store, nullptr, stop);
  EXPECT_EQ(store.settles, 1);
}

TEST(PipelineTest, AFailingSourceIsToldAfterWhatItGaveIsStored) {
  ScriptedSource source(TwoRequests());
  source.failure = "the ring is gone";
  RememberingStore store;
  const std::atomic<bool> stop = false;
  const auto summary = RunPipeline(Replayed(), source, store, nullptr, stop);
  ASSERT_FALSE(summary.status.has_value());
  EXPECT_EQ(summary.status.error().message, "the ring is gone");
  EXPECT_EQ(store.requests.size(), 2U);
}

TEST(PipelineTest, LossesAndMalformedRecordsAreCounted) {
  std::vector<RecordWords> records = TwoRequests();
  pinfo_loss loss{};
  loss.count = 12;
  loss.kind = PINFO_LOSS_RING_SAMPLE;
  records.push_back(MakeRecord(loss, PINFO_RECORD_LOSS, 4'000, 0, 0));
  loss.kind = 4711;  // a newer producer's: counted, not dropped
  records.push_back(MakeRecord(loss, PINFO_RECORD_LOSS, 4'000, 0, 0));
  records.push_back(RecordWords(3, ~uint64_t{0}));
  ScriptedSource source(records);
  RememberingStore store;
  const std::atomic<bool> stop = false;
  const auto summary = RunPipeline(Replayed(), source, store, nullptr, stop);
  ASSERT_TRUE(summary.status.has_value());
  EXPECT_EQ(summary.session.lost[PINFO_LOSS_RING_SAMPLE], 12);
  EXPECT_EQ(summary.session.lost[PINFO_LOSS_MALFORMED], 13);
}

TEST(PipelineTest, OnlyWantedRequestsAreProfiledAndTheirFilesNamed) {
  const std::string directory =
      std::filesystem::temp_directory_path() / ("pinfo-pipeline-test-" + std::to_string(getpid()));
  ASSERT_TRUE(PrepareDumpDirectory(directory).has_value());
  ScriptedSource source(TwoRequests());
  RememberingStore store;
  PipelineOptions options = Replayed();
  options.dump_dir = directory;
  options.wants_profile = [](const ServedRequest& request) { return request.status == 503; };
  const std::atomic<bool> stop = false;
  const auto summary = RunPipeline(options, source, store, nullptr, stop);
  ASSERT_TRUE(summary.status.has_value());
  EXPECT_EQ(summary.profiled, 1);
  ASSERT_EQ(store.requests.size(), 2U);
  EXPECT_FALSE(store.requests[0].profiled);
  EXPECT_TRUE(store.requests[1].profiled);
  EXPECT_TRUE(std::filesystem::is_regular_file(store.requests[1].stats_file));
  std::filesystem::remove_all(directory);
}

TEST(PrepareDumpDirectoryTest, SaysWhatCannotBeWritten) {
  const Status status = PrepareDumpDirectory("/proc/nowhere/stats");
  ASSERT_FALSE(status.has_value());
  EXPECT_THAT(status.error().message, testing::HasSubstr("/proc/nowhere/stats"));
}

}  // namespace
}  // namespace pinfo

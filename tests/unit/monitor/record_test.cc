#include "collector/monitor/record.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "collector/config/load.h"
#include "collector/notify/queue.h"

namespace pinfo {
namespace {

constexpr int64_t kNow = 1'700'000'000 * kSecondNs;

class RecordTest : public testing::Test {
 protected:
  RecordTest() {
    std::string name = testing::TempDir() + "pinfo-monitor-XXXXXX";
    folder_ = mkdtemp(name.data());
    log_ = folder_ / "log";
    configuration_ = Parse();
    store_ = Open();
  }
  ~RecordTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<MonitorStore> Open() const {
    auto store = OpenMonitorStore(folder_ / "pinfo.db");
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  Configuration Parse(const std::string& more = "") const {
    const Result<Configuration> read = ParseConfiguration(
        "[[person]]\nname = \"ann\"\ncommand = \"echo $PINFO_KIND >> " + log_.string() +
            "\"\n[[person]]\nname = \"bob\"\nmail = \"bob@example.org\"\nmode = \"digest\"\n"
            "[[monitor]]\nname = \"a\"\ncommand = \"x\"\n[[monitor]]\nname = \"b\"\ncommand = "
            "\"x\"\n" +
            more,
        "c.toml");
    EXPECT_TRUE(read) << read.error().message;
    return read ? *read : Configuration();
  }
  // Both monitors found at this level; returns how many messages were queued.
  int64_t Record(int64_t second, Level a, Level b = Level::kFine) {
    std::vector<Finding> findings(2);
    findings[0].level = a;
    findings[1].level = b;
    const Result<Recorded> recorded =
        RecordFindings(configuration_, findings, kNow + second * kSecondNs, *store_);
    EXPECT_TRUE(recorded) << recorded.error().message;
    return recorded ? recorded->messages : -1;
  }
  std::unique_ptr<MonitorReader> Reader() const {
    auto reader = OpenMonitorReader(folder_ / "pinfo.db");
    EXPECT_TRUE(reader);
    return std::move(*reader);
  }

  std::filesystem::path folder_;
  std::filesystem::path log_;
  Configuration configuration_;
  std::unique_ptr<MonitorStore> store_;
};

TEST_F(RecordTest, AnInstantMessageIsNotRepeatedUntilFineOrTheDelayHasPassed) {
  EXPECT_EQ(Record(0, Level::kFine), 0);
  EXPECT_EQ(Record(10, Level::kProblem), 1);
  EXPECT_EQ(Record(20, Level::kProblem), 0);
  EXPECT_EQ(Record(30, Level::kWarning), 0);
  EXPECT_EQ(Record(10 + 21'599, Level::kProblem), 0);
  EXPECT_EQ(Record(10 + 21'600, Level::kProblem), 1) << "the delay has passed";
  EXPECT_EQ(Record(40'000, Level::kFine), 1) << "recovery";
  EXPECT_EQ(Record(40'010, Level::kFine), 0);
  EXPECT_EQ(Record(40'020, Level::kWarning), 1) << "fine in between";
}

TEST_F(RecordTest, ARestartDoesNotRepeatIt) {
  EXPECT_EQ(Record(0, Level::kProblem), 1);
  store_ = Open();
  EXPECT_EQ(Record(10, Level::kProblem), 0);
}

TEST_F(RecordTest, OfTwoCollectorsOneTells) {
  const auto other = Open();
  EXPECT_EQ(Record(0, Level::kProblem), 1);
  std::swap(store_, const_cast<std::unique_ptr<MonitorStore>&>(other));
  EXPECT_EQ(Record(0, Level::kProblem), 0);
}

TEST_F(RecordTest, WorseIsToldWhereAskedFor) {
  EXPECT_EQ(Record(0, Level::kWarning), 1);
  EXPECT_EQ(Record(10, Level::kProblem), 0);
  configuration_ = Parse("[notify]\nwhen_worse = true\n");
  EXPECT_EQ(Record(20, Level::kProblem), 1);
  EXPECT_EQ(Record(30, Level::kProblem), 0);
}

TEST_F(RecordTest, AClockSetBackDoesNotSilenceForYears) {
  EXPECT_EQ(Record(1'000'000, Level::kProblem), 1);
  EXPECT_EQ(Record(0, Level::kProblem), 1);
  EXPECT_EQ(Record(1, Level::kProblem), 0);
}

TEST_F(RecordTest, SeveralAtOnceAreOneMessage) {
  EXPECT_EQ(Record(0, Level::kProblem, Level::kWarning), 1);
  EXPECT_EQ(Record(10, Level::kFine, Level::kWarning), 1);
}

TEST_F(RecordTest, HistoryHasTheChangesAlone) {
  Record(0, Level::kFine);
  Record(10, Level::kProblem);
  Record(20, Level::kProblem);
  Record(30, Level::kFine);
  const auto changes = Reader()->Changes("a", 100);
  ASSERT_TRUE(changes);
  ASSERT_EQ(changes->size(), 3U);
  EXPECT_EQ(changes->at(1).level, static_cast<uint8_t>(Level::kProblem));
  EXPECT_EQ(changes->at(1).wall_ns, kNow + 10 * kSecondNs);
}

TEST_F(RecordTest, WhatIsNotConfiguredAnyMoreIsForgotten) {
  Record(0, Level::kProblem);
  Configuration fewer = configuration_;
  fewer.monitors.erase(fewer.monitors.begin());
  ASSERT_TRUE(RecordFindings(fewer, std::vector<Finding>(1), kNow, *store_));
  EXPECT_EQ(Reader()->Monitors()->size(), 1U);
}

TEST_F(RecordTest, NoValueAndNothingWrongIsNotTold) {
  std::vector<Finding> findings(2);
  findings[0].no_value = true;
  findings[1].level = Level::kFine;
  const Result<Recorded> recorded = RecordFindings(configuration_, findings, kNow, *store_);
  ASSERT_TRUE(recorded);
  EXPECT_EQ(recorded->messages, 0);
  EXPECT_EQ(Record(10, Level::kUnknown), 1) << "an error is";
}

TEST_F(RecordTest, WhatHasNotBeenRunYetStaysAsItWas) {
  Record(0, Level::kProblem);
  std::vector<Finding> findings(2);
  findings[0].not_yet = true;
  findings[1].level = Level::kFine;
  const Result<Recorded> recorded =
      RecordFindings(configuration_, findings, kNow + 10 * kSecondNs, *store_);
  ASSERT_TRUE(recorded);
  EXPECT_EQ(recorded->messages, 0);
  EXPECT_EQ(Reader()->Changes("a", 10)->size(), 1U);
  EXPECT_EQ(Reader()->Monitors()->size(), 2U);
}

TEST_F(RecordTest, ADigestIsMadeOnceADayAndNotWhereAllIsFine) {
  Record(0, Level::kFine);
  EXPECT_EQ(*QueueDigests(configuration_, 20'260'101, kNow, *store_), 0);
  Record(10, Level::kProblem, Level::kWarning);
  EXPECT_EQ(*QueueDigests(configuration_, 20'260'101, kNow, *store_), 0) << "made already";
  EXPECT_EQ(*QueueDigests(configuration_, 20'260'102, kNow, *store_), 1) << "one a person";
  EXPECT_EQ(*QueueDigests(configuration_, 20'260'101, kNow, *store_), 0) << "a clock set back";
  EXPECT_EQ(*QueueDigests(configuration_, std::nullopt, kNow, *store_), 1) << "by hand";
}

TEST_F(RecordTest, WhatCannotBeSentIsKeptAndTriedAgain) {
  Configuration broken = configuration_;
  broken.people[0].command = {"/bin/false"};
  Record(0, Level::kProblem);
  int64_t now = kNow;
  const auto clock = [&] { return now; };
  auto report = DeliverDue(broken, *store_, clock, nullptr);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->sent, 0);
  EXPECT_EQ(report->errors.size(), 1U);
  EXPECT_EQ(Reader()->Notifications()->waiting, 1);
  now += 59 * kSecondNs;
  EXPECT_EQ(DeliverDue(configuration_, *store_, clock, nullptr)->sent, 0) << "not due yet";
  now += 2 * kSecondNs;
  EXPECT_EQ(DeliverDue(configuration_, *store_, clock, nullptr)->sent, 1);
  EXPECT_EQ(DeliverDue(configuration_, *store_, clock, nullptr)->sent, 0) << "once";
  EXPECT_EQ(Reader()->Notifications()->sent, 1);
  EXPECT_TRUE(std::filesystem::exists(log_));
}

TEST_F(RecordTest, AMessageForNobodyIsGivenUp) {
  Record(0, Level::kProblem);
  const auto clock = [] { return kNow; };
  EXPECT_EQ(DeliverDue(Configuration(), *store_, clock, nullptr)->errors.size(), 1U);
  EXPECT_EQ(Reader()->Notifications()->given_up, 1);
}

TEST(RetryDelay, Doubles) {
  EXPECT_EQ(RetryDelayNs(1), 60 * kSecondNs);
  EXPECT_EQ(RetryDelayNs(2), 120 * kSecondNs);
  EXPECT_EQ(RetryDelayNs(7), 3'600 * kSecondNs);
  EXPECT_EQ(RetryDelayNs(1'000'000), 3'600 * kSecondNs);
}

}  // namespace
}  // namespace pinfo

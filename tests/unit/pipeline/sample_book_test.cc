#include "collector/pipeline/sample_book.h"

#include <gtest/gtest.h>

namespace pinfo {
namespace {

Sample SampleAt(int64_t time_ns) {
  Sample sample;
  sample.time_ns = time_ns;
  return sample;
}

ServedRequest RequestOf(uint64_t connection, uint32_t first, uint32_t last, int64_t start_ns,
                        int64_t end_ns) {
  ServedRequest request;
  request.connection = ConnectionId{connection};
  request.first_turn = first;
  request.last_turn = last;
  request.start_ns = start_ns;
  request.end_ns = end_ns;
  return request;
}

TEST(SampleBookTest, SamplesWithinTheRequestAreItsOwn) {
  SampleBook book;
  book.Add(ConnectionId{1}, 1, SampleAt(10));
  book.Add(ConnectionId{1}, 1, SampleAt(20));
  book.Add(ConnectionId{1}, 1, SampleAt(31));  // the thread went on after the last byte
  book.Add(ConnectionId{2}, 1, SampleAt(15));
  std::vector<Sample> unattributed;
  EXPECT_EQ(book.Take(RequestOf(1, 1, 1, 10, 30), unattributed).size(), 2U);
  ASSERT_EQ(unattributed.size(), 1U);
  EXPECT_EQ(unattributed[0].time_ns, 31);
  EXPECT_EQ(book.size(), 1U);
}

TEST(SampleBookTest, ARequestOfSeveralTurnsTakesAllOfTheirSamples) {
  SampleBook book;
  book.Add(ConnectionId{1}, 3, SampleAt(30));
  book.Add(ConnectionId{1}, 2, SampleAt(20));  // turns may come out of order
  book.Add(ConnectionId{1}, 1, SampleAt(10));
  std::vector<Sample> unattributed;
  EXPECT_EQ(book.Take(RequestOf(1, 2, 3, 15, 35), unattributed).size(), 2U);
  ASSERT_EQ(unattributed.size(), 1U);
  EXPECT_EQ(unattributed[0].time_ns, 10);
  EXPECT_EQ(book.size(), 0U);
}

TEST(SampleBookTest, LaterTurnsWaitOn) {
  SampleBook book;
  book.Add(ConnectionId{1}, 1, SampleAt(10));
  book.Add(ConnectionId{1}, 2, SampleAt(20));
  std::vector<Sample> unattributed;
  EXPECT_EQ(book.Take(RequestOf(1, 1, 1, 0, 15), unattributed).size(), 1U);
  EXPECT_TRUE(unattributed.empty());
  EXPECT_EQ(book.Take(RequestOf(1, 2, 2, 16, 25), unattributed).size(), 1U);
}

Sample Of(TrackedProcess& process, uint32_t tid, int64_t time_ns) {
  Sample sample = SampleAt(time_ns);
  sample.process = &process;
  sample.tid = Tid{tid};
  return sample;
}

TEST(SampleBookTest, OnlyTheThreadsThatWorkedOnARequestHaveItsSamples) {
  ModuleCache modules;
  TrackedProcess process(modules, Pid{5});
  process.row.pid = Pid{5};
  SampleBook book;
  ServedRequest request = RequestOf(1, 1, 1, 0, 100);
  request.pid = Pid{5};
  request.parts = {{Tid{7}, 0, 20}, {Tid{8}, 50, 100}};
  book.Add(ConnectionId{1}, 1, Of(process, 7, 10));
  book.Add(ConnectionId{1}, 1, Of(process, 7, 60));  // it was waiting then
  book.Add(ConnectionId{1}, 1, Of(process, 8, 10));
  book.AddLoose(Of(process, 8, 40));
  book.AddLoose(Of(process, 8, 55));  // before it had touched the connection
  book.AddLoose(Of(process, 7, 55));
  TrackedProcess other(modules, Pid{6});
  other.row.pid = Pid{6};
  book.AddLoose(Of(other, 8, 56));
  std::vector<Sample> unattributed;
  const std::vector<Sample> taken = book.Take(request, unattributed);
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].time_ns, 55);
  EXPECT_EQ(taken[1].time_ns, 10);
  EXPECT_EQ(unattributed.size(), 2U);
  EXPECT_EQ(book.size(), 3U);
  book.ExpireLoose(56, unattributed);
  EXPECT_EQ(unattributed.size(), 4U);
  EXPECT_EQ(book.size(), 1U);
}

TEST(SampleBookTest, NoSampleIsLost) {
  SampleBook book(100);
  std::vector<Sample> unattributed;
  size_t taken = 0;
  for (int i = 0; i < 1000; ++i) {
    book.Add(ConnectionId{static_cast<uint64_t>(i % 7)}, static_cast<uint32_t>(i / 70),
             SampleAt(i));
    if (i % 50 == 0) {
      taken += book.Take(RequestOf(3, 0, static_cast<uint32_t>(i / 70), 0, i), unattributed).size();
    }
    EXPECT_LE(book.size(), 101U);
  }
  book.Expire(INT64_MAX, unattributed);
  EXPECT_EQ(taken + unattributed.size(), 1000U);
  EXPECT_EQ(book.size(), 0U);
}

}  // namespace
}  // namespace pinfo

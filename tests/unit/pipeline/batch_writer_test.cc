#include "collector/pipeline/batch_writer.h"

#include <gtest/gtest.h>

#include "tests/unit/pipeline/remembering_store.h"

namespace pinfo {
namespace {

class BatchWriterTest : public testing::Test {
 protected:
  void AddRequest() {
    ASSERT_TRUE(writer_.ReserveIds(1).has_value());
    RequestEntry entry;
    entry.row.id = writer_.NextRequestId();
    entry.process = &processes_.Get(Pid{7});
    std::vector<RequestEntry> entries;
    entries.push_back(std::move(entry));
    writer_.AddRequests(entries);
    EXPECT_TRUE(entries.empty());
  }
  RememberingStore store_;
  ModuleCache modules_;
  ProcessTable processes_{modules_, Origin{}, "preload"};
  BatchWriter writer_{store_, processes_};
  SessionRow session_;
};

TEST_F(BatchWriterTest, ABatchThatFailedIsStoredWithTheNextOne) {
  store_.commits_to_fail = 1;
  AddRequest();
  EXPECT_FALSE(writer_.Commit(session_).has_value());
  EXPECT_EQ(store_.rollbacks, 1);
  AddRequest();
  EXPECT_TRUE(writer_.Commit(session_).has_value());
  EXPECT_EQ(store_.requests.size(), 2U);
  EXPECT_EQ(writer_.given_up().requests, 0);
}

TEST_F(BatchWriterTest, WhatIsGivenUpIsCountedByKind) {
  AddRequest();
  std::vector<Sample> samples(3);
  writer_.AddUnattributed(std::move(samples));
  writer_.AddStatus({});
  store_.begins_to_fail = 1;
  EXPECT_FALSE(writer_.Commit(session_).has_value());
  EXPECT_EQ(writer_.given_up().requests, 0);
  writer_.GiveUpAll();
  EXPECT_EQ(writer_.given_up().requests, 1);
  EXPECT_EQ(writer_.given_up().samples, 3);
  EXPECT_EQ(writer_.given_up().statuses, 1);
}

// Counts of minutes are kept as they are until they are stored: however long that takes, they are
// as many as there are keys.
TEST_F(BatchWriterTest, MinutesOfAFailedBatchAreStoredOnce) {
  RequestRow row;
  row.site = "a";
  writer_.Count(row);
  store_.begins_to_fail = 2;
  EXPECT_FALSE(writer_.Commit(session_).has_value());
  writer_.Count(row);
  EXPECT_FALSE(writer_.Commit(session_).has_value());
  EXPECT_TRUE(writer_.Commit(session_).has_value());
  ASSERT_EQ(store_.minutes.size(), 1U);
  EXPECT_EQ(store_.minutes[0].count, 2);
  EXPECT_TRUE(writer_.Commit(session_).has_value());
  EXPECT_EQ(store_.minutes.size(), 1U);
}

// A batch rolled back has no session: its id would name a row that does not exist.
TEST_F(BatchWriterTest, TheSessionHasItsIdOnlyOnceItIsStored) {
  store_.commits_to_fail = 1;
  EXPECT_FALSE(writer_.Commit(session_).has_value());
  EXPECT_EQ(session_.id, 0);
  EXPECT_TRUE(writer_.Commit(session_).has_value());
  EXPECT_EQ(session_.id, 1);
}

TEST_F(BatchWriterTest, IdsAreNeverGivenTwice) {
  ASSERT_TRUE(writer_.ReserveIds(3).has_value());
  const RequestId first = writer_.NextRequestId();
  ASSERT_TRUE(writer_.ReserveIds(20'000).has_value());
  RequestId last = first;
  for (int i = 0; i < 20'000; ++i) {
    const RequestId next = writer_.NextRequestId();
    EXPECT_GT(next, last);
    last = next;
  }
}

}  // namespace
}  // namespace pinfo

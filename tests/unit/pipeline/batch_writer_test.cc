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
    writer_.AddRequest(std::move(entry));
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
  EXPECT_EQ(writer_.rows_given_up(), 0);
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

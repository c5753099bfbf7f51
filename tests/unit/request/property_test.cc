// Whatever a well-behaved conversation looks like, its requests come out as they went in.
#include <gtest/gtest.h>

#include "tests/unit/request/script.h"

namespace pinfo::testing {
namespace {

TEST(Property, KeepAliveConversationsComeOutAsScripted) {
  for (const Producer producer : {Producer::kEachSend, Producer::kPended, Producer::kHeld}) {
    for (uint32_t seed = 0; seed < 700; ++seed) {
      const Script script = RandomScript(seed, {false, true, producer});
      const auto requests = Assemble(script.records);
      ASSERT_EQ(requests.size(), script.exchanges.size()) << seed;
      for (size_t i = 0; i < requests.size(); ++i) {
        const Exchange& want = script.exchanges[i];
        ASSERT_EQ(requests[i].method, want.method) << seed;
        ASSERT_EQ(requests[i].target, want.target) << seed;
        ASSERT_EQ(requests[i].status, want.status) << seed;
        ASSERT_EQ(requests[i].outcome, Outcome::kComplete) << seed << " " << i;
        ASSERT_EQ(requests[i].bytes_in, static_cast<int64_t>(want.request.size())) << seed;
        ASSERT_EQ(requests[i].bytes_out, static_cast<int64_t>(want.response.size())) << seed;
        ASSERT_LE(requests[i].start_ns, requests[i].first_out_ns);
        ASSERT_LE(requests[i].first_out_ns, requests[i].end_ns);
      }
    }
  }
}

TEST(Property, PipelinedConversationsComeOutInOrderAndNeverMispaired) {
  size_t known = 0;
  size_t total = 0;
  for (const bool split_sends : {false, true}) {
    for (uint32_t seed = 0; seed < 700; ++seed) {
      const Script script = RandomScript(seed, {true, split_sends, Producer::kPended});
      const auto requests = Assemble(script.records);
      ASSERT_EQ(requests.size(), script.exchanges.size()) << seed;
      for (size_t i = 0; i < requests.size(); ++i) {
        const Exchange& want = script.exchanges[i];
        ASSERT_EQ(requests[i].target, want.target) << seed;
        ASSERT_TRUE(requests[i].status == want.status || requests[i].status == 0) << seed;
        if (requests[i].outcome == Outcome::kComplete) {
          ASSERT_EQ(requests[i].status, want.status) << seed;
          ++known;
        }
        ++total;
      }
    }
  }
  EXPECT_GT(known * 10, total * 7);  // what one send carries is known in full
}

}  // namespace
}  // namespace pinfo::testing

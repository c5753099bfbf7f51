// Records that are missing: what comes out is right, unknown or absent, never another request's.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/unit/request/script.h"

namespace pinfo::testing {
namespace {

const Exchange* Find(const Script& script, const std::string& target) {
  const auto found =
      std::find_if(script.exchanges.begin(), script.exchanges.end(),
                   [&target](const Exchange& exchange) { return exchange.target == target; });
  return found == script.exchanges.end() ? nullptr : &*found;
}

// Only a record that is missing at the very end of a connection looks like an abort.
void ExpectNothingWrong(const Script& script, size_t lost, uint32_t seed) {
  const auto requests = Assemble(script.records, {}, lost);
  EXPECT_LE(requests.size(), script.exchanges.size() + 1) << seed << " lost " << lost;
  for (const ServedRequest& request : requests) {
    EXPECT_GE(request.end_ns, request.start_ns);
    if (request.method == "UNKNOWN" || request.method == "TURN") {
      continue;
    }
    const Exchange* const exchange = Find(script, request.target);
    if (exchange == nullptr) {  // the rest of a target was lost, and is said to be
      EXPECT_FALSE(request.head_complete) << seed << " lost " << lost << " " << request.target;
      EXPECT_TRUE(std::string_view("/r").starts_with(request.target) ||
                  request.target.starts_with("/r"));
      continue;
    }
    EXPECT_TRUE(request.status == exchange->status || request.status == 0)
        << seed << " lost " << lost << ": " << request.target << " got " << request.status;
    if (request.outcome == Outcome::kComplete) {
      EXPECT_EQ(request.status, exchange->status) << seed << " lost " << lost;
    }
  }
}

TEST(Loss, OneRecordMissingAnywhereOfAKeepAliveConversation) {
  for (const Producer producer : {Producer::kEachSend, Producer::kPended, Producer::kHeld}) {
    for (uint32_t seed = 0; seed < 150; ++seed) {
      const Script script = RandomScript(seed, {false, true, producer});
      for (size_t lost = 0; lost < script.records.size(); ++lost) {
        ExpectNothingWrong(script, lost, seed);
      }
    }
  }
}

TEST(Loss, OneRecordMissingAnywhereOfAPipelinedConversation) {
  for (const Producer producer : {Producer::kEachSend, Producer::kPended, Producer::kHeld}) {
    for (uint32_t seed = 0; seed < 150; ++seed) {
      const Script script = RandomScript(seed, {true, true, producer});
      for (size_t lost = 0; lost < script.records.size(); ++lost) {
        ExpectNothingWrong(script, lost, seed);
      }
    }
  }
}

TEST(Loss, TheRequestsAroundALostOneAreWhole) {
  Conversation talk;
  for (const char* target : {"/0", "/1", "/2"}) {
    talk.Receive(std::string("GET ") + target + " HTTP/1.1\r\n\r\n");
    talk.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  }
  const auto no_request = Assemble(talk.records(), {}, 2);
  ASSERT_EQ(no_request.size(), 3U);
  EXPECT_EQ(no_request[0].target, "/0");
  EXPECT_EQ(no_request[1].method, "UNKNOWN");
  EXPECT_EQ(no_request[1].target, "");
  EXPECT_EQ(no_request[1].status, 200);
  EXPECT_EQ(no_request[2].target, "/2");

  const auto no_response = Assemble(talk.records(), {}, 3);
  ASSERT_EQ(no_response.size(), 3U);
  EXPECT_EQ(no_response[1].target, "/1");
  EXPECT_EQ(no_response[1].outcome, Outcome::kUnknown);
  EXPECT_EQ(no_response[1].status, 0);
  EXPECT_EQ(no_response[2].outcome, Outcome::kComplete);
}

TEST(Loss, AMissingTurnIsAbsent) {
  Conversation talk;
  for (const char* target : {"/0", "/1", "/2"}) {
    talk.Receive(std::string("GET ") + target + " HTTP/1.1\r\n\r\n");
    talk.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  }
  talk.records().erase(talk.records().begin() + 2, talk.records().begin() + 4);
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].target, "/0");
  EXPECT_EQ(requests[1].target, "/2");
  EXPECT_EQ(requests[1].outcome, Outcome::kComplete);
}

TEST(Loss, ABodyWhoseTurnIsMissingIsNotLookedForInTheNextOne) {
  Conversation talk;
  talk.Receive("POST /up HTTP/1.1\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n");
  talk.Send("HTTP/1.1 100 Continue\r\n\r\n");
  talk.Receive(std::string(100, 'b'));
  talk.Send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  talk.Receive("GET /next HTTP/1.1\r\n\r\n");
  talk.Send("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
  talk.records().erase(talk.records().begin() + 2, talk.records().begin() + 4);
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].target, "/up");
  EXPECT_EQ(requests[0].outcome, Outcome::kUnknown);
  EXPECT_EQ(requests[0].status, 0);
  EXPECT_EQ(requests[1].target, "/next");
  EXPECT_EQ(requests[1].status, 404);
}

}  // namespace
}  // namespace pinfo::testing

// Requests whose two records came as one: they must come out exactly as of the two, whichever way
// the assembler takes.
#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/request/conversation.h"

namespace pinfo::testing {
namespace {

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: Shop.example.org\r\n\r\n";
constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

auto Everything(const ServedRequest& r) {
  const pinfo_thread_time spent = r.spent.value_or(pinfo_thread_time{});
  return std::tuple(
      std::tuple(r.connection, r.first_turn, r.last_turn, r.pid, r.begin_tid, r.end_tid),
      std::tuple(r.method, r.target, r.host, r.protocol, r.head, r.head_complete, r.tls),
      std::tuple(r.status, r.outcome, r.ended_by, r.parts.size(), r.start_ns, r.first_out_ns,
                 r.end_ns, r.queue_ns),
      std::tuple(r.bytes_in, r.bytes_out, r.spent.has_value(), spent.on_cpu_ns, spent.blocked_ns,
                 spent.runqueue_ns, r.transport, r.local_address, r.peer_address));
}

size_t CountOf(const Conversation& talk, pinfo_record_type type) {
  return static_cast<size_t>(
      std::count_if(talk.records().begin(), talk.records().end(),
                    [type](const StoredRecord& record) { return record.type() == type; }));
}

TEST(Exchange, ASmallRequestIsOneRecordAndWhole) {
  Conversation talk(Producer::kHeld);
  talk.Receive(kGet);
  talk.Send(kAnswer);
  talk.Flush();
  ASSERT_EQ(talk.records().size(), 1U);
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].method, "GET");
  EXPECT_EQ(requests[0].target, "/a");
  EXPECT_EQ(requests[0].host, "shop.example.org");
  EXPECT_EQ(requests[0].head, kGet);
  EXPECT_EQ(requests[0].status, 200);
  EXPECT_EQ(requests[0].outcome, Outcome::kComplete);
  EXPECT_EQ(requests[0].bytes_out, static_cast<int64_t>(kAnswer.size()));
  EXPECT_TRUE(requests[0].spent.has_value());
}

TEST(Exchange, ALostOneLeavesItsNeighboursWhole) {
  Conversation talk(Producer::kHeld);
  for (int i = 0; i < 3; ++i) {
    talk.Receive(kGet);
    talk.Send(kAnswer);
  }
  talk.Flush();
  const auto requests = Assemble(talk.records(), {}, 1);
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].status, 200);
  EXPECT_EQ(requests[1].status, 200);
  EXPECT_EQ(requests[1].first_turn, 3U);
}

TEST(Exchange, ARepeatedOneIsIgnored) {
  Conversation talk(Producer::kHeld);
  talk.Receive(kGet);
  talk.Send(kAnswer);
  talk.Flush();
  talk.records().push_back(talk.records().front());
  EXPECT_EQ(Assemble(talk.records()).size(), 1U);
}

// The same conversation by both producers: anything a client and a server may do.
class ScriptPair {
 public:
  template <typename Step>
  void Do(Step step) {
    step(two_);
    step(one_);
  }
  [[nodiscard]] const Conversation& two() const { return two_; }
  [[nodiscard]] const Conversation& one() const { return one_; }

 private:
  Conversation two_{Producer::kPended};
  Conversation one_{Producer::kHeld};
};

std::string RandomRequest(std::mt19937& random) {
  static const std::vector<std::string> kRequests = {
      std::string(kGet),
      std::string(kGet) + std::string(kGet),
      "HEAD /h HTTP/1.1\r\nHost: x\r\n\r\n",
      "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody",
      "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\nbody",
      "POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
      "PUT /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
      "GET /u HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
      "GET /cut HTTP/1.1\r\nHos",
      "t: y\r\n\r\n",
      "GET /09\r\n",
      "CONNECT a:1 HTTP/1.1\r\n\r\n",
      "\x16\x03\x01\x02",
      "GET /" + std::string(600, 'x') + " HTTP/1.1\r\n\r\n"};
  return kRequests[random() % kRequests.size()];
}

std::string RandomResponse(std::mt19937& random) {
  static const std::vector<std::string> kResponses = {
      std::string(kAnswer),
      std::string(kAnswer),
      std::string(kAnswer) + std::string(kAnswer),
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
      "HTTP/1.1 204 No Content\r\n\r\n",
      "HTTP/1.1 100 Continue\r\n\r\n",
      "HTTP/1.1 101 Switching Protocols\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\nuntil close",
      "HTTP/1.1 500 Error\r\nContent-Length: 100\r\n\r\nshort",
      "junk"};
  return kResponses[random() % kResponses.size()];
}

TEST(Exchange, EveryConversationComesOutAsOfTwoRecords) {
  std::mt19937 random(7);
  size_t exchanges = 0;
  size_t compared = 0;
  for (int round = 0; round < 3000; ++round) {
    ScriptPair talk;
    const bool plain = round % 3 == 0;
    for (unsigned steps = 1 + random() % 8; steps > 0; --steps) {
      const unsigned what = random() % 20;
      const uint32_t tid = Conversation::kTid + (random() % 8 == 0 ? 1 : 0);
      if (what < 9) {
        const std::string bytes = plain ? std::string(kGet) : RandomRequest(random);
        talk.Do([&](Conversation& c) { c.Receive(bytes, tid); });
      } else if (what < 16) {
        const std::string bytes = plain ? std::string(kAnswer) : RandomResponse(random);
        talk.Do([&](Conversation& c) { c.Send(bytes, tid); });
      } else if (what == 16) {
        talk.Do([](Conversation& c) { c.SendUnseen(95); });
      } else if (what == 17) {
        talk.Do([](Conversation& c) { c.Flush(); });
      } else if (what == 18) {
        talk.Do([](Conversation& c) { c.Wait(1'500'000'000); });
      } else if (random() % 4 == 0) {
        const bool reset = random() % 2 == 0;
        talk.Do([reset](Conversation& c) { c.Close(reset); });
        break;
      }
    }
    talk.Do([](Conversation& c) { c.Flush(); });
    exchanges += CountOf(talk.one(), PINFO_RECORD_EXCHANGE);
    const auto expected = Assemble(talk.two().records());
    const auto got = Assemble(talk.one().records());
    ASSERT_EQ(got.size(), expected.size()) << round;
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(Everything(got[i]), Everything(expected[i])) << round << " request " << i;
      ++compared;
    }
  }
  EXPECT_GT(exchanges, 500U);
  EXPECT_GT(compared, 3000U);
}

}  // namespace
}  // namespace pinfo::testing

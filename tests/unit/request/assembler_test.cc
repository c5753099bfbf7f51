// One connection, one thing at a time: what is reported, with which figures, and when.
#include "collector/request/assembler.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/request/conversation.h"

namespace pinfo::testing {
namespace {

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: A.example:80\r\n\r\n";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

class Collected {
 public:
  explicit Collected(AssemblerOptions options = {})
      : assembler_(options, [this](ServedRequest r) { requests.push_back(std::move(r)); }) {}
  // Hands over what the conversation has recorded since the last call.
  void Take(const Conversation& conversation) {
    for (; taken_ < conversation.records().size(); ++taken_) {
      assembler_.OnRecord(conversation.records()[taken_].View());
    }
  }
  RequestAssembler& operator*() { return assembler_; }
  RequestAssembler* operator->() { return &assembler_; }
  std::vector<ServedRequest> requests;

 private:
  RequestAssembler assembler_;
  size_t taken_ = 0;
};

TEST(Assembler, ReportsARequestWithItsFiguresOnceItsLastByteIsOut) {
  Conversation talk;
  Collected collected;
  talk.Receive(kGet);
  talk.Send(kOk);
  collected.Take(talk);
  ASSERT_EQ(collected.requests.size(), 1U);
  const ServedRequest& request = collected.requests[0];
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.target, "/a");
  EXPECT_EQ(request.host, "a.example");
  EXPECT_EQ(request.protocol, "HTTP/1.1");
  EXPECT_EQ(request.head, kGet);
  EXPECT_EQ(request.status, 200);
  EXPECT_EQ(request.outcome, Outcome::kComplete);
  EXPECT_EQ(request.start_ns, 1'001'000);
  EXPECT_EQ(request.first_out_ns, 1'002'000);
  EXPECT_EQ(request.end_ns, 1'002'000);
  EXPECT_EQ(request.queue_ns, 1000);
  EXPECT_EQ(request.bytes_in, static_cast<int64_t>(kGet.size()));
  EXPECT_EQ(request.bytes_out, static_cast<int64_t>(kOk.size()));
  EXPECT_EQ(request.pid.value, Conversation::kPid);
  EXPECT_EQ(request.begin_tid.value, Conversation::kTid);
  EXPECT_EQ(request.local_address, "127.0.0.1:8000");
  EXPECT_EQ(request.peer_address, "127.0.0.1:50000");
  ASSERT_TRUE(request.spent.has_value());
  EXPECT_EQ(request.spent->on_cpu_ns + request.spent->blocked_ns + request.spent->runqueue_ns,
            1000U);
}

// What a TLS library's memory buffers give: no socket, hence no address.
TEST(Assembler, ARequestOverTlsWhoseConnectionIsNotKnown) {
  Conversation talk;
  talk.Receive("GET /a HTTP/1.1\r\n\r\n");
  talk.Send(kOk);
  auto& record = *const_cast<pinfo_received*>(&talk.records()[0].View().as<pinfo_received>());
  record.flags = PINFO_RECEIVED_TLS;
  record.transport = PINFO_TRANSPORT_UNKNOWN;
  record.local_port = record.peer_port = 0;
  record.established_ns = 0;
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_TRUE(requests[0].tls);
  EXPECT_EQ(requests[0].status, 200);
  EXPECT_EQ(requests[0].local_address, "");
  EXPECT_EQ(requests[0].peer_address, "");
  EXPECT_EQ(requests[0].queue_ns, std::nullopt);
}

TEST(Assembler, SpentIsUnknownWhereAnotherThreadAnswered) {
  Conversation talk;
  talk.Receive(kGet, 1);
  talk.Send(kOk, 2);
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_FALSE(requests[0].spent.has_value());
  EXPECT_EQ(requests[0].begin_tid.value, 1U);
  EXPECT_EQ(requests[0].end_tid.value, 2U);
}

TEST(Assembler, KeepAliveRequestsAreQueuedOnce) {
  Conversation talk;
  talk.Receive(kGet);
  talk.Send(kOk);
  talk.Receive(kGet);
  talk.Send(kOk);
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_TRUE(requests[0].queue_ns.has_value());
  EXPECT_FALSE(requests[1].queue_ns.has_value());
  EXPECT_EQ(requests[1].first_turn, 2U);
}

TEST(Assembler, BodyByAnotherSendCountsUntilItsLength) {
  Conversation talk;
  Collected collected;
  talk.Receive(kGet);
  talk.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  talk.SendUnseen(999'999);
  collected.Take(talk);
  EXPECT_TRUE(collected.requests.empty());
  talk.SendUnseen(1);
  collected.Take(talk);
  ASSERT_EQ(collected.requests.size(), 1U);
  EXPECT_EQ(collected.requests[0].end_ns, talk.now());
}

TEST(Assembler, AResponseRecordAfterTheNextTurnsBeginningStillCounts) {
  Conversation talk(Producer::kPended);
  talk.Receive(kGet);
  talk.Send(kOk);
  talk.Receive("GET /b HTTP/1.1\r\n\r\n");
  talk.Send("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n");
  talk.Flush();
  std::swap(talk.records()[1], talk.records()[2]);
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].status, 200);
  EXPECT_EQ(requests[1].status, 404);
  EXPECT_EQ(requests[1].target, "/b");
}

TEST(Assembler, TwoThreadsRecordsOfOneResponseMayComeTheOtherWayRound) {
  Conversation talk;
  talk.Receive(kGet, 1);
  talk.Send(kOk.substr(0, kOk.size() - 1), 1);
  talk.Send(kOk.substr(kOk.size() - 1), 2);
  std::swap(talk.records()[1], talk.records()[2]);
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].status, 200);
  EXPECT_EQ(requests[0].outcome, Outcome::kComplete);
  EXPECT_EQ(requests[0].bytes_out, static_cast<int64_t>(kOk.size()));
}

TEST(Assembler, RepeatedRecordsChangeNothing) {
  Conversation talk;
  talk.Receive(kGet);
  talk.Send(kOk);
  talk.Receive(kGet);
  talk.Send(kOk);
  talk.Close();
  std::vector<StoredRecord> twice;
  for (const StoredRecord& record : talk.records()) {
    twice.push_back(record);
    twice.push_back(record);
  }
  EXPECT_EQ(Assemble(twice).size(), 2U);
}

TEST(Assembler, AClosedConnectionWithoutBytesIsNoRequest) {
  Conversation talk;
  talk.Close();
  EXPECT_TRUE(Assemble(talk.records()).empty());
}

TEST(Assembler, AnUnansweredRequestEndsAbortedWithTheConnection) {
  for (const bool reset : {false, true}) {
    Conversation talk;
    talk.Receive(kGet);
    talk.Wait(5000);
    talk.Close(reset);
    const auto requests = Assemble(talk.records());
    ASSERT_EQ(requests.size(), 1U);
    EXPECT_EQ(requests[0].outcome, Outcome::kAborted);
    EXPECT_EQ(requests[0].status, 0);
    EXPECT_EQ(requests[0].first_out_ns, 0);
    EXPECT_EQ(requests[0].end_ns - requests[0].start_ns, 6000);
  }
}

TEST(Assembler, AHeadThatNeverBecameWholeIsAborted) {
  struct Case {
    std::string_view sent;
    std::string_view method;
    std::string_view target;
  };
  for (const Case& c : {Case{"GE", "UNKNOWN", ""}, Case{"GET /lo", "GET", "/lo"},
                        Case{"GET /x HTTP/1.1\r\nHost: a", "GET", "/x"}}) {
    Conversation talk;
    talk.Receive(c.sent);
    talk.Close();
    const auto requests = Assemble(talk.records());
    ASSERT_EQ(requests.size(), 1U) << c.sent;
    EXPECT_EQ(requests[0].method, c.method);
    EXPECT_EQ(requests[0].target, c.target);
    EXPECT_EQ(requests[0].outcome, Outcome::kAborted);
    EXPECT_EQ(requests[0].status, 0);
  }
}

TEST(Assembler, AResponseCutShortIsAbortedWithItsStatus) {
  Conversation talk;
  talk.Receive(kGet);
  talk.Send(kOk.substr(0, kOk.size() - 1));
  talk.Close();
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].outcome, Outcome::kAborted);
  EXPECT_EQ(requests[0].status, 200);
}

TEST(Assembler, APeerThatEndedItsSideMayStillBeAnswered) {
  Conversation talk;
  Collected collected;
  talk.Receive(kGet);
  talk.Close();
  talk.Send(kOk);
  collected.Take(talk);
  ASSERT_EQ(collected.requests.size(), 1U);
  EXPECT_EQ(collected.requests[0].outcome, Outcome::kComplete);
  EXPECT_EQ(collected->open_connections(), 0U);
}

TEST(Assembler, WhatAServerSendsLongAfterTheEndIsNoRequest) {
  Conversation talk;
  Collected collected;
  talk.Receive(kGet);
  talk.Close();
  collected.Take(talk);
  collected->Advance(talk.now() + 2'000'000'000);
  ASSERT_EQ(collected.requests.size(), 1U);
  EXPECT_EQ(collected.requests[0].outcome, Outcome::kAborted);
  talk.Send(kOk);
  collected.Take(talk);
  collected->Finish(talk.now());
  EXPECT_EQ(collected.requests.size(), 1U);
  EXPECT_EQ(collected->counts().late_records, 1U);
}

// A producer that was killed may have kept a last record for itself.
TEST(Assembler, AProcessesEndIsNoAnswerButMayCloseItsConnections) {
  for (const bool closed : {false, true}) {
    Conversation talk;
    Collected collected;
    talk.Receive(kGet);
    talk.ExitProcess();
    if (closed) {
      talk.Close();
    }
    collected.Take(talk);
    collected->Advance(talk.now() + 1'000'000'000);
    EXPECT_EQ(collected->open_connections(), 0U);
    ASSERT_EQ(collected.requests.size(), 1U);
    EXPECT_EQ(collected.requests[0].outcome, closed ? Outcome::kAborted : Outcome::kUnknown);
  }
}

TEST(Assembler, FinishReportsWhatIsOpenAsUnknown) {
  Conversation talk;
  talk.Receive(kGet);
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].outcome, Outcome::kUnknown);
  EXPECT_GE(requests[0].end_ns, requests[0].start_ns);
}

TEST(Assembler, WhatIsNotHttpIsATurn) {
  Conversation talk;
  talk.Receive("*1\r\n$4\r\nPING\r\n");
  talk.Send("+PONG\r\n");
  talk.Receive("ping");
  talk.Send("pong");
  talk.Close();
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 2U);
  for (const ServedRequest& request : requests) {
    EXPECT_EQ(request.method, "TURN");
    EXPECT_EQ(request.target, "");
    EXPECT_EQ(request.status, 0);
    EXPECT_EQ(request.outcome, Outcome::kComplete);
  }
  AssemblerOptions no_turns;
  no_turns.turns = false;
  EXPECT_TRUE(Assemble(talk.records(), no_turns).empty());
}

TEST(Assembler, GarbageAnsweredByAnHttpServerKeepsTheStatusSent) {
  Conversation talk;
  talk.Receive(std::string_view("\x16\x03\x01\x00\x05", 5));
  talk.Send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  talk.Close();
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].method, "TURN");
  EXPECT_EQ(requests[0].status, 400);
}

TEST(Assembler, ARequestUnderWayAtFirstSightIsPartial) {
  Conversation talk;
  talk.turn().partial = 1;
  talk.Receive("rest of a body");
  talk.Send(kOk);
  talk.Receive(kGet);
  talk.Send(kOk);
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].method, "UNKNOWN");
  EXPECT_EQ(requests[0].outcome, Outcome::kPartial);
  EXPECT_EQ(requests[0].status, 200);
  EXPECT_EQ(requests[1].outcome, Outcome::kComplete);
}

TEST(Assembler, ConnectionsBeyondTheLimitAreForgottenAndCounted) {
  AssemblerOptions options;
  options.max_connections = 2;
  Collected collected(options);
  for (uint64_t id = 1; id <= 3; ++id) {
    Conversation talk(Producer::kEachSend, id);
    talk.Receive(kGet);
    for (const auto& record : talk.records()) {
      collected->OnRecord(record.View());
    }
  }
  EXPECT_EQ(collected->open_connections(), 2U);
  EXPECT_EQ(collected->counts().evicted_connections, 1U);
  ASSERT_EQ(collected.requests.size(), 1U);
  EXPECT_EQ(collected.requests[0].connection.value, 1U);
  EXPECT_EQ(collected.requests[0].outcome, Outcome::kUnknown);
}

TEST(Assembler, TimesThatRunBackwardsGiveNoNegativeLatency) {
  Conversation talk;
  talk.Receive(kGet);
  talk.Send(kOk);
  auto response = talk.records()[1].View().as<pinfo_response>();
  response.last_out_ns = 5;
  response.first_out_ns = UINT64_MAX;
  talk.records()[1] = StoredRecord(response, kOk);
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].end_ns, requests[0].start_ns);
  EXPECT_EQ(requests[0].first_out_ns, requests[0].start_ns);
}

}  // namespace
}  // namespace pinfo::testing

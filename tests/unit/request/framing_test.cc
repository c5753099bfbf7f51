// How messages are told apart: splits at every byte, pipelining, bodies, interim responses.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/request/conversation.h"

namespace pinfo::testing {
namespace {

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
constexpr std::string_view kNotFound = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";

struct Want {
  std::string method;
  std::string target;
  int status;
  Outcome outcome;
  friend bool operator==(const Want&, const Want&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Want& want) {
    return out << want.method << ' ' << want.target << ' ' << want.status << ' '
               << static_cast<int>(want.outcome);
  }
};

std::vector<Want> Seen(const Conversation& talk) {
  std::vector<Want> seen;
  for (const ServedRequest& r : Assemble(talk.records())) {
    seen.push_back({r.method, r.target, r.status, r.outcome});
  }
  return seen;
}

using Wants = std::vector<Want>;

TEST(Framing, RequestsMayBeSplitAtEveryByte) {
  const std::string two = std::string(kGet) + "POST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc";
  for (size_t split = 1; split < two.size(); ++split) {
    Conversation talk;
    talk.Receive(std::string_view(two).substr(0, split));
    talk.Receive(std::string_view(two).substr(split));
    talk.Send(kOk);
    talk.Send(kNotFound);
    const auto requests = Assemble(talk.records());
    ASSERT_EQ(requests.size(), 2U) << split;
    EXPECT_EQ(requests[0].status, 200);
    EXPECT_EQ(requests[0].bytes_in + requests[1].bytes_in, static_cast<int64_t>(two.size()));
    EXPECT_EQ(requests[1].target, "/b");
    // The second response's head was not captured: whose bytes they are is known, not what.
    EXPECT_EQ(requests[1].status, 0);
    EXPECT_EQ(requests[1].outcome, Outcome::kUnknown);
    // Its first byte came with the second read where the split is not beyond it.
    EXPECT_EQ(requests[1].start_ns, split <= kGet.size() ? 1'002'000 : 1'001'000) << split;
  }
}

TEST(Framing, AHeadMayGoOnAfterTheEarlierRequestWasAnswered) {
  const std::string two = std::string(kGet) + "GET /b HTTP/1.1\r\nHost: h\r\n\r\n";
  for (size_t split = kGet.size(); split < two.size(); ++split) {
    Conversation talk;
    talk.Receive(std::string_view(two).substr(0, split));
    talk.Send(kOk);
    talk.Receive(std::string_view(two).substr(split));
    talk.Send(kNotFound);
    EXPECT_EQ(Seen(talk), (Wants{{"GET", "/a", 200, Outcome::kComplete},
                                 {"GET", "/b", 404, Outcome::kComplete}}))
        << split;
  }
}

TEST(Framing, AHeadMayComeByteByByte) {
  Conversation talk;
  for (const char c : kGet) {
    talk.Receive({&c, 1});
  }
  talk.Send(kOk);
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].head, kGet);
  EXPECT_EQ(requests[0].status, 200);
}

TEST(Framing, ResponsesMayBeSplitAtEveryByte) {
  for (const Producer producer : {Producer::kEachSend, Producer::kPended, Producer::kHeld}) {
    for (size_t split = 1; split < kOk.size(); ++split) {
      Conversation talk(producer);
      talk.Receive(kGet);
      talk.Send(kOk.substr(0, split));
      talk.Send(kOk.substr(split));
      talk.Receive("GET /b HTTP/1.1\r\n\r\n");
      talk.Send(kNotFound);
      talk.Close();
      const auto requests = Assemble(talk.records());
      ASSERT_EQ(requests.size(), 2U);
      EXPECT_EQ(requests[0].status, split >= 12 ? 200 : 0) << split;
      EXPECT_EQ(requests[0].outcome, split >= 12 ? Outcome::kComplete : Outcome::kUnknown);
      EXPECT_EQ(requests[0].bytes_out, static_cast<int64_t>(kOk.size()));
      EXPECT_EQ(requests[1].status, 404);
    }
  }
}

TEST(Framing, PipelinedResponsesInOneSendArePaired) {
  Conversation talk;
  const std::string three = std::string(kGet) + "HEAD /b HTTP/1.1\r\n\r\nGET /c HTTP/1.1\r\n\r\n";
  talk.Receive(three);
  talk.Send(std::string(kOk) + "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" +
            std::string(kNotFound));
  EXPECT_EQ(Seen(talk), (Wants{{"GET", "/a", 200, Outcome::kComplete},
                               {"HEAD", "/b", 200, Outcome::kComplete},
                               {"GET", "/c", 404, Outcome::kComplete}}));
}

// What a server that sends each answer by itself looks like: the first send alone is captured.
TEST(Framing, PipelinedResponsesThatCannotBeToldApartAreNotFailures) {
  const std::string answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 270\r\n\r\n";
  const std::string sent = answer + std::string(270, 'x');
  const auto size = static_cast<int64_t>(sent.size());
  for (const bool reset : {false, true}) {
    Conversation talk;
    std::string four;
    for (const char* target : {"/p0", "/p1", "/p2", "/p3"}) {
      four += "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n";
    }
    talk.Receive(four);
    for (int i = 0; i < 4; ++i) {
      talk.Send(sent);
    }
    const int64_t last_byte_ns = talk.now();
    talk.Wait(400'000'000);
    talk.Close(reset);
    const auto requests = Assemble(talk.records());
    ASSERT_EQ(requests.size(), 4U);
    EXPECT_EQ(requests[0].status, 404);
    EXPECT_EQ(requests[0].outcome, Outcome::kComplete);
    for (size_t i = 1; i < 4; ++i) {
      EXPECT_EQ(requests[i].outcome, Outcome::kUnknown) << i;
      EXPECT_EQ(requests[i].status, 0) << i;
      EXPECT_EQ(requests[i].bytes_out, size) << i;
      EXPECT_LE(requests[i].end_ns, last_byte_ns) << i;
      EXPECT_GT(requests[i].end_ns, requests[0].end_ns) << i;
    }
  }
}

TEST(Framing, ARequestReadAfterTheLastByteWasSentIsAborted) {
  Conversation talk;
  talk.Receive("POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\na");
  talk.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  talk.Receive("bcGET /b HTTP/1.1\r\n\r\n");
  talk.Close();
  EXPECT_EQ(Seen(talk),
            (Wants{{"POST", "/a", 200, Outcome::kUnknown}, {"GET", "/b", 0, Outcome::kAborted}}));
}

TEST(Framing, ARequestsBodyMayFollowA100) {
  const std::string_view head =
      "POST /up HTTP/1.1\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n";
  Conversation talk;
  talk.Receive(head);
  talk.Send("HTTP/1.1 100 Continue\r\n\r\n");
  talk.Receive(std::string(4999, 'G'));
  talk.Receive("G" + std::string(kGet));
  talk.Send(std::string(kOk) + std::string(kNotFound));
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].target, "/up");
  EXPECT_EQ(requests[0].status, 200);
  EXPECT_EQ(requests[0].first_turn, 1U);
  EXPECT_EQ(requests[0].last_turn, 2U);
  EXPECT_EQ(requests[0].bytes_in, static_cast<int64_t>(head.size()) + 5000);
  EXPECT_FALSE(requests[0].spent.has_value());
  // The next request lies beyond what was captured.
  EXPECT_EQ(requests[1].method, "UNKNOWN");
}

TEST(Framing, InterimResponsesAreNotFinal) {
  Conversation talk;
  talk.Receive(kGet);
  talk.Send("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" +
            std::string(kOk));
  EXPECT_EQ(Seen(talk), (Wants{{"GET", "/a", 200, Outcome::kComplete}}));
}

TEST(Framing, AChunkedBodyAfterA100IsFollowedToItsEnd) {
  const std::string_view body = "3\r\nabc\r\n0\r\n\r\n";
  for (size_t split = 1; split < body.size(); ++split) {
    Conversation talk;
    talk.Receive("POST /up HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
    talk.Send("HTTP/1.1 100 Continue\r\n\r\n");
    talk.Receive(body.substr(0, split));
    talk.Receive(body.substr(split));
    talk.Receive(kGet);
    talk.Send(std::string(kOk) + std::string(kNotFound));
    EXPECT_EQ(Seen(talk), (Wants{{"POST", "/up", 200, Outcome::kComplete},
                                 {"GET", "/a", 404, Outcome::kComplete}}))
        << split;
  }
}

TEST(Framing, AResponseBeforeTheWholeBodyWasRead) {
  Conversation talk;
  talk.Receive("POST /up HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  talk.Send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  talk.Receive("defghij" + std::string(kGet));
  talk.Send(kOk);
  EXPECT_EQ(Seen(talk), (Wants{{"POST", "/up", 413, Outcome::kComplete},
                               {"GET", "/a", 200, Outcome::kComplete}}));
}

TEST(Framing, AResponseMayGoOnWhileTheBodyIsRead) {
  Conversation talk;
  talk.Receive("POST /echo HTTP/1.1\r\nContent-Length: 6\r\n\r\nabc");
  talk.Send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
  talk.Receive("def");
  talk.Send("def");
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].outcome, Outcome::kComplete);
  EXPECT_EQ(requests[0].last_turn, 2U);
  EXPECT_EQ(requests[0].end_ns, talk.now());
}

TEST(Framing, ARefusedExpectationMayLeaveTheBodyOut) {
  for (const bool body_sent : {false, true}) {
    Conversation talk;
    talk.Receive("PUT /up HTTP/1.1\r\nContent-Length: 30\r\nExpect: 100-continue\r\n\r\n");
    talk.Send("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
    if (body_sent) {
      talk.Receive(std::string(30, 'b'));
    } else {
      talk.Receive(kGet);
      talk.Send(kOk);
    }
    Wants want{{"PUT", "/up", 417, Outcome::kComplete}};
    if (!body_sent) {
      want.push_back({"GET", "/a", 200, Outcome::kComplete});
    }
    EXPECT_EQ(Seen(talk), want) << body_sent;
  }
}

TEST(Framing, AnUpgradeLeavesHttp) {
  Conversation talk;
  talk.Receive("GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  talk.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
  talk.Receive(kGet);
  talk.Send("\x81\x02hi");
  talk.Close();
  EXPECT_EQ(Seen(talk), (Wants{{"GET", "/ws", 101, Outcome::kComplete}}));
}

TEST(Framing, UntilCloseEndsWithTheConnection) {
  Conversation talk;
  talk.Receive("GET /old HTTP/1.0\r\n\r\n");
  talk.Send("HTTP/1.0 200 OK\r\n\r\nsome");
  talk.Send("more");
  const int64_t last = talk.now();
  talk.Close();
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].outcome, Outcome::kComplete);
  EXPECT_EQ(requests[0].end_ns, last);
  EXPECT_EQ(requests[0].bytes_out, 27);
  Conversation reset;
  reset.Receive("GET /old HTTP/1.0\r\n\r\n");
  reset.Send("HTTP/1.0 200 OK\r\n\r\nsome");
  reset.Close(true);
  EXPECT_EQ(Seen(reset), (Wants{{"GET", "/old", 200, Outcome::kAborted}}));
}

TEST(Framing, AChunkedResponseEndsAtItsLastChunkWhereThatWasCaptured) {
  std::vector<ServedRequest> requests;
  RequestAssembler assembler({}, [&](ServedRequest r) { requests.push_back(std::move(r)); });
  Conversation talk;
  talk.Receive(kGet);
  talk.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
  for (const auto& record : talk.records()) {
    assembler.OnRecord(record.View());
  }
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].outcome, Outcome::kComplete);
}

TEST(Framing, AChunkedResponseEndsWithTheNextRequestOrAfterSilence) {
  const std::string_view chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  Conversation talk;
  talk.Receive(kGet);
  talk.Send(chunked);
  talk.Send("2\r\nhi\r\n0\r\n\r\n");
  talk.Receive("GET /b HTTP/1.1\r\n\r\n");
  talk.Send(kNotFound);
  EXPECT_EQ(Seen(talk), (Wants{{"GET", "/a", 200, Outcome::kComplete},
                               {"GET", "/b", 404, Outcome::kComplete}}));

  std::vector<ServedRequest> requests;
  RequestAssembler assembler({}, [&](ServedRequest r) { requests.push_back(std::move(r)); });
  Conversation silent;
  silent.Receive(kGet);
  silent.Send(chunked);
  for (const auto& record : silent.records()) {
    assembler.OnRecord(record.View());
  }
  const int64_t last = silent.now();
  assembler.Advance(last + 999'999'999);
  EXPECT_TRUE(requests.empty());
  assembler.Advance(last + 1'000'000'000);
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].outcome, Outcome::kComplete);
  EXPECT_EQ(requests[0].end_ns, last);
}

TEST(Framing, AHeadLongerThanTheCaptureKeepsItsBeginning) {
  Conversation talk;
  talk.Receive("GET /big HTTP/1.1\r\nHost: h.example\r\nCookie: " + std::string(6000, 'c') +
               "\r\n\r\n");
  talk.Send(kOk);
  talk.Receive(kGet);
  talk.Send(kNotFound);
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].target, "/big");
  EXPECT_EQ(requests[0].host, "h.example");
  EXPECT_EQ(requests[0].status, 200);
  EXPECT_EQ(requests[1].status, 404);
}

TEST(Framing, ATargetLongerThanTheCaptureIsCut) {
  Conversation talk;
  talk.Receive("GET /" + std::string(6000, 'p') + " HTTP/1.1\r\n\r\n");
  talk.Send("HTTP/1.1 414 Too Long\r\nContent-Length: 0\r\n\r\n");
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].method, "GET");
  EXPECT_EQ(requests[0].target, "/" + std::string(PINFO_CAPTURE_MAX - 5, 'p'));
  EXPECT_EQ(requests[0].status, 414);
}

TEST(Framing, AServerThatAnswersLateLeavesLaterStatusesUnknown) {
  Conversation talk;
  talk.Receive(std::string(kGet) + "GET /b HTTP/1.1\r\n\r\n");
  talk.Send(kOk);
  talk.Receive("GET /c HTTP/1.1\r\n\r\n");
  talk.Send(kNotFound);  // answers /b
  talk.Send(kOk);        // answers /c
  EXPECT_EQ(Seen(talk), (Wants{{"GET", "/a", 200, Outcome::kComplete},
                               {"GET", "/b", 0, Outcome::kUnknown},
                               {"GET", "/c", 0, Outcome::kUnknown}}));
}

TEST(Framing, UnbelievableLengthIsARequestAllTheSame) {
  Conversation talk;
  talk.Receive("POST /x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab");
  talk.Send("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n");
  talk.Close();
  EXPECT_EQ(Seen(talk), (Wants{{"POST", "/x", 400, Outcome::kComplete}}));
}

}  // namespace
}  // namespace pinfo::testing

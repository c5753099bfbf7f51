// Every kind of message, split at every byte, by both kinds of producer: what comes out is what went
// in, and where it cannot be known it is unknown and never somebody else's.
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/request/conversation.h"

namespace pinfo::testing {
namespace {

struct Message {
  std::string name;
  std::string request;
  std::string response;
  std::string method;
  std::string target;
  int status = 200;
  std::string host = "h";
  bool until_close = false;
};

std::string Chunks(size_t n, const std::string& trailers = "") {
  std::string body;
  for (size_t i = 0; i < n; ++i) {
    body += "5;x=y\r\nchunk\r\n";
  }
  return body + "0\r\n" + trailers + "\r\n";
}

std::vector<Message> Messages() {
  const std::string get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  return {
      {"length", get, ok + "Content-Length: 5\r\n\r\nhello", "GET", "/a"},
      {"empty", get, ok + "Content-Length: 0\r\n\r\n", "GET", "/a"},
      {"chunked", get, ok + "Transfer-Encoding: chunked\r\n\r\n" + Chunks(3), "GET", "/a"},
      {"no chunks", get, ok + "Transfer-Encoding: chunked\r\n\r\n" + Chunks(0), "GET", "/a"},
      {"trailers", get,
       ok + "Transfer-Encoding: chunked\r\n\r\n" + Chunks(2, "Digest: abc\r\nServer-Timing: x\r\n"),
       "GET", "/a"},
      {"head", "HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n", ok + "Content-Length: 500\r\n\r\n", "HEAD",
       "/h"},
      {"no content", "DELETE /d HTTP/1.1\r\nHost: h\r\n\r\n",
       "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", "DELETE", "/d", 204},
      {"not modified", get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 70\r\n\r\n", "GET", "/a",
       304},
      {"body", "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 27\r\n\r\nGET /no HTTP/1.1\r\nA: b\r\n\r\n\n",
       ok + "Content-Length: 2\r\n\r\nok", "POST", "/p"},
      {"chunked body",
       "PUT /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
       "10\r\nGET / HTTP/1.1\r\n\r\n2\r\n\r\n\r\n0\r\nT: r\r\n\r\n",
       "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok", "PUT", "/p", 201},
      {"early hints", get,
       "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 2\r\n\r\nok", "GET",
       "/a"},
      {"bare LF", "GET /lf HTTP/1.1\nHost: h\n\n", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "GET",
       "/lf"},
      {"fields in any case", "POST /c HTTP/1.1\r\nhOST: H\r\ncONTENT-lENGTH: 1\r\n\r\nx",
       ok + "TRANSFER-encoding: Chunked\r\n\r\n" + Chunks(1), "POST", "/c"},
      {"absolute", "GET http://h:80/abs?x HTTP/1.1\r\nHost: other\r\n\r\n",
       ok + "Content-Length: 1\r\n\r\nx", "GET", "http://h:80/abs?x"},
      {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", ok + "Content-Length: 0\r\n\r\n",
       "OPTIONS", "*"},
      {"HTTP/1.0 keep-alive", "GET /0 HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
       "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold", "GET", "/0"},
      {"until close", get, ok + "Connection: close\r\n\r\nbytes HTTP/1.1 200", "GET", "/a", 200, "h",
       true},
      {"HTTP/1.0 until close", "GET /0 HTTP/1.0\r\nHost: h\r\n\r\n", "HTTP/1.0 404 No\r\n\r\nno", "GET",
       "/0", 404, "h", true},
  };
}

const Message& Sentinel() {
  static const Message message{"sentinel", "GET /sentinel HTTP/1.1\r\nHost: s\r\n\r\n",
                               "HTTP/1.1 418 Teapot\r\nContent-Length: 3\r\n\r\ntea", "GET",
                               "/sentinel", 418, "s"};
  return message;
}

using Pieces = std::vector<std::string_view>;

Pieces At(std::string_view bytes, size_t split) {
  Pieces pieces{bytes.substr(0, split)};
  if (split < bytes.size()) {
    pieces.push_back(bytes.substr(split));
  }
  return pieces;
}

Pieces ByteByByte(std::string_view bytes) {
  Pieces pieces;
  for (size_t i = 0; i < bytes.size(); ++i) {
    pieces.push_back(bytes.substr(i, 1));
  }
  return pieces;
}

void ExpectIs(const ServedRequest& found, const Message& want) {
  EXPECT_EQ(found.method, want.method);
  EXPECT_EQ(found.target, want.target);
  EXPECT_EQ(found.host, want.host);
  EXPECT_EQ(found.status, want.status);
  EXPECT_EQ(found.outcome, Outcome::kComplete);
  EXPECT_EQ(found.bytes_in, static_cast<int64_t>(want.request.size()));
  EXPECT_EQ(found.bytes_out, static_cast<int64_t>(want.response.size()));
  EXPECT_NE(found.ended_by, EndedBy::kSilence);
  if (want.until_close) {
    EXPECT_EQ(found.ended_by, EndedBy::kClose);
  }
}

// One after the other on one connection, the sentinel behind what may have one.
void Converse(const Message& message, const Pieces& in, const Pieces& out, Producer producer) {
  Conversation talk(producer);
  for (const std::string_view piece : in) {
    talk.Receive(piece);
  }
  const int64_t first_out_ns = talk.now() + static_cast<int64_t>(Conversation::kStep);
  for (const std::string_view piece : out) {
    talk.Send(piece);
  }
  const int64_t last_out_ns = talk.now();
  if (!message.until_close) {
    talk.Receive(Sentinel().request);
    talk.Send(Sentinel().response);
  }
  talk.Close();
  const auto requests = Assemble(talk.records());
  ASSERT_EQ(requests.size(), message.until_close ? 1U : 2U);
  // A head of which only the second half has a send of its own, behind an interim one, is not seen.
  if (requests[0].status == 0 && message.name == "early hints") {
    EXPECT_EQ(requests[0].outcome, Outcome::kUnknown);
    return;
  }
  ExpectIs(requests[0], message);
  EXPECT_EQ(requests[0].start_ns, 1'001'000);
  EXPECT_EQ(requests[0].end_ns, last_out_ns);
  if (message.name != "early hints") {
    EXPECT_EQ(requests[0].first_out_ns, first_out_ns);
  }
  if (!message.until_close) {
    ExpectIs(requests[1], Sentinel());
  }
}

class Split : public ::testing::TestWithParam<std::pair<Message, Producer>> {};

TEST_P(Split, OfTheRequestAtEveryByte) {
  const auto& [message, producer] = GetParam();
  for (size_t split = 1; split <= message.request.size(); ++split) {
    SCOPED_TRACE(message.name + " " + std::to_string(split));
    Converse(message, At(message.request, split), {message.response}, producer);
  }
  Converse(message, ByteByByte(message.request), {message.response}, producer);
}

TEST_P(Split, OfTheResponseAtEveryByte) {
  const auto& [message, producer] = GetParam();
  for (size_t split = 1; split <= message.response.size(); ++split) {
    SCOPED_TRACE(message.name + " " + std::to_string(split));
    Converse(message, {message.request}, At(message.response, split), producer);
  }
  Converse(message, {message.request}, ByteByByte(message.response), producer);
}

// Pipelined with the sentinel: read in two pieces, answered in two or three.
TEST_P(Split, OfAPipelineAtEveryByte) {
  const auto& [message, producer] = GetParam();
  if (message.until_close) {
    GTEST_SKIP() << "nothing comes behind it";
  }
  const std::string in = message.request + Sentinel().request;
  const std::string out = message.response + Sentinel().response;
  for (size_t split = 1; split < std::max(in.size(), out.size()); ++split) {
    SCOPED_TRACE(message.name + " " + std::to_string(split));
    Conversation talk(producer);
    for (const std::string_view piece : At(in, std::min(split, in.size()))) {
      talk.Receive(piece);
    }
    for (const std::string_view piece : At(out, std::min(split, out.size()))) {
      talk.Send(piece);
    }
    talk.Close();
    const auto requests = Assemble(talk.records());
    ASSERT_EQ(requests.size(), 2U);
    if (requests[0].outcome == Outcome::kUnknown) {
      // Where a chunked body ends in the middle of an uncaptured send, neither can be known.
      EXPECT_EQ(requests[1].outcome, Outcome::kUnknown);
      EXPECT_TRUE(requests[0].status == 0 || requests[0].status == message.status);
      EXPECT_LT(split, message.response.size());
      continue;
    }
    ExpectIs(requests[0], message);
    EXPECT_EQ(requests[1].target, "/sentinel");
    if (requests[1].status != 0) {
      ExpectIs(requests[1], Sentinel());
    } else {
      EXPECT_EQ(requests[1].outcome, Outcome::kUnknown);
    }
    const size_t head = Sentinel().response.find("\r\n\r\n") + 4;
    if (split == message.response.size() || split >= message.response.size() + head) {
      EXPECT_EQ(requests[1].status, Sentinel().status) << "in a send of its own, or all captured";
    }
  }
}

// A client that goes away: every prefix of the request, every prefix of the response.
TEST_P(Split, WhereTheClientGoesAway) {
  const auto& [message, producer] = GetParam();
  for (const bool reset : {false, true}) {
    for (size_t read = 1; read < message.request.size(); ++read) {
      Conversation talk(producer);
      talk.Receive(std::string_view(message.request).substr(0, read));
      talk.Close(reset);
      const auto requests = Assemble(talk.records());
      ASSERT_LE(requests.size(), 1U) << message.name << read;
      if (!requests.empty()) {
        EXPECT_EQ(requests[0].status, 0);
        EXPECT_NE(requests[0].outcome, Outcome::kComplete) << message.name << read;
      }
    }
    for (size_t sent = 0; sent < message.response.size(); ++sent) {
      Conversation talk(producer);
      talk.Receive(message.request);
      if (sent > 0) {
        talk.Send(std::string_view(message.response).substr(0, sent));
      }
      talk.Close(reset);
      const auto requests = Assemble(talk.records());
      ASSERT_EQ(requests.size(), 1U) << message.name << sent;
      EXPECT_TRUE(requests[0].status == 0 || requests[0].status == message.status);
      EXPECT_TRUE(requests[0].outcome != Outcome::kComplete || message.until_close)
          << message.name << sent;
    }
  }
}

std::vector<std::pair<Message, Producer>> All() {
  std::vector<std::pair<Message, Producer>> all;
  for (const Message& message : Messages()) {
    all.emplace_back(message, Producer::kEachSend);
    all.emplace_back(message, Producer::kPended);
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Messages, Split, ::testing::ValuesIn(All()), [](const auto& info) {
  std::string name = info.param.first.name;
  std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
  return name + (info.param.second == Producer::kPended ? "Pended" : "EachSend");
});

}  // namespace
}  // namespace pinfo::testing

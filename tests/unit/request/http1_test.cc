#include "collector/request/http1.h"

#include <string>

#include <gtest/gtest.h>

#include "collector/request/chunked.h"

namespace pinfo {
namespace {

constexpr std::string_view kGet =
    "GET /a?b=c HTTP/1.1\r\nHost: Example.org\r\nConnection: keep-alive\r\n\r\n";

TEST(RequestHead, ReadsWhatIsThere) {
  RequestHead head;
  const HeadParse parse = ParseRequestHead(kGet, head);
  EXPECT_EQ(parse.outcome, ParseOutcome::kSuccess);
  EXPECT_EQ(parse.consumed, kGet.size());
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.target, "/a?b=c");
  EXPECT_EQ(head.version, "HTTP/1.1");
  EXPECT_EQ(head.host, "Example.org");
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.close);
  EXPECT_FALSE(head.content_length.has_value());
}

TEST(RequestHead, IsTakenFromAnyPrefixAsFarAsItGoes) {
  for (size_t n = 0; n < kGet.size(); ++n) {
    RequestHead head;
    const HeadParse parse = ParseRequestHead(kGet.substr(0, n), head);
    EXPECT_EQ(parse.outcome, ParseOutcome::kNeedMore) << n;
    EXPECT_EQ(parse.consumed, 0U);
    EXPECT_EQ(head.method, n > 3 ? "GET" : "") << n;
    EXPECT_TRUE(std::string_view("/a?b=c").starts_with(head.target)) << n << head.target;
    EXPECT_EQ(head.host, n >= kGet.find("\r\nConn") + 2 ? "Example.org" : "") << n;
  }
}

TEST(RequestHead, LeavesWhatFollows) {
  const std::string two = std::string(kGet) + "POST /";
  RequestHead head;
  EXPECT_EQ(ParseRequestHead(two, head).consumed, kGet.size());
}

TEST(RequestHead, IsLenientWhereServersAre) {
  RequestHead head;
  const std::string_view text =
      "\r\n\nPOST http://user@Host.example:81/x HTTP/1.0\nhOST: other\n"
      "CONTENT-LENGTH : 12, 12\nX-Folded: a\n  b\r\nno colon here\nExpect: 100-Continue\n"
      "Upgrade: h2c\nconnection: Upgrade ,CLOSE\n\n";
  ASSERT_EQ(ParseRequestHead(text, head).outcome, ParseOutcome::kSuccess);
  EXPECT_EQ(head.host, "Host.example:81");
  EXPECT_EQ(head.content_length, 12U);
  EXPECT_TRUE(head.expect_continue);
  EXPECT_TRUE(head.upgrade);
  EXPECT_TRUE(head.close);
  ASSERT_EQ(ParseRequestHead("OPTIONS * HTTP/1.1\r\n\r\n", head).outcome, ParseOutcome::kSuccess);
  EXPECT_EQ(head.target, "*");
  ASSERT_EQ(ParseRequestHead("CONNECT a:1 HTTP/1.1\r\n\r\n", head).outcome, ParseOutcome::kSuccess);
  EXPECT_EQ(head.host, "a:1");
  ASSERT_EQ(ParseRequestHead("GET /old\r\n", head).outcome, ParseOutcome::kSuccess);
  EXPECT_EQ(head.version, "HTTP/0.9");
}

TEST(RequestHead, TransferEncodingWinsOverLength) {
  RequestHead head;
  const std::string_view text =
      "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n";
  ASSERT_EQ(ParseRequestHead(text, head).outcome, ParseOutcome::kSuccess);
  EXPECT_TRUE(head.chunked);
  EXPECT_FALSE(head.content_length.has_value());
}

TEST(RequestHead, RefusesFramingThatCannotBeBelieved) {
  for (const char* field :
       {"Content-Length: x", "Content-Length:", "Content-Length: -1", "Content-Length: 1, 2",
        "Content-Length: 99999999999999999999", "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 0x10", "Transfer-Encoding: gzip"}) {
    RequestHead head;
    const std::string text = std::string("POST /p HTTP/1.1\r\n") + field + "\r\n\r\n";
    EXPECT_EQ(ParseRequestHead(text, head).outcome, ParseOutcome::kInvalid) << field;
    EXPECT_EQ(head.target, "/p");
  }
}

TEST(RequestHead, KnowsWhatIsNotHttp) {
  const std::string long_word(33, 'A');
  for (const std::string& text :
       {std::string("\x16\x03\x01\x02\x00", 5), std::string("*1\r\n$4\r\nPING\r\n"),
        std::string("PING\r\n"), std::string("SET key value\r\n"), std::string("GET key\r\n"),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), std::string("GET / HTTP/1.\r\n"),
        std::string(" GET / HTTP/1.1\r\n"), std::string("G\0T / HTTP/1.1\r\n", 16), long_word,
        std::string("HTTP/1.1 200 OK\r\n\r\n")}) {
    RequestHead head;
    EXPECT_EQ(ParseRequestHead(text, head).outcome, ParseOutcome::kNotHttp) << text;
  }
}

TEST(ResponseHead, TellsItsFraming) {
  struct Case {
    std::string_view text;
    std::string_view method;
    BodyFraming framing;
  };
  for (const Case& c : {
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "GET", BodyFraming::kLength},
           Case{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD", BodyFraming::kNone},
           Case{"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", "GET",
                BodyFraming::kNone},
           Case{"HTTP/1.1 204 \r\n\r\n", "GET", BodyFraming::kNone},
           Case{"HTTP/1.1 101 Switching\r\n\r\n", "GET", BodyFraming::kNone},
           Case{"HTTP/1.0 200\n\n", "GET", BodyFraming::kUntilClose},
           Case{"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nContent-Length: 3\r\n\r\n", "GET",
                BodyFraming::kChunked},
           Case{"HTTP/1.1 200 OK\r\n\r\n", "CONNECT", BodyFraming::kNone},
       }) {
    ResponseHead head;
    const HeadParse parse = ParseResponseHead(c.text, c.method, head);
    ASSERT_EQ(parse.outcome, ParseOutcome::kSuccess) << c.text;
    EXPECT_EQ(parse.consumed, c.text.size());
    EXPECT_EQ(head.framing, c.framing) << c.text;
  }
}

TEST(ResponseHead, GivesItsStatusFromAPrefix) {
  const std::string_view text = "HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\n";
  for (size_t n = 0; n < text.size(); ++n) {
    ResponseHead head;
    EXPECT_EQ(ParseResponseHead(text.substr(0, n), "GET", head).outcome, ParseOutcome::kNeedMore);
    EXPECT_EQ(head.status, n >= 12 ? 503 : 0) << n;
  }
  for (const char* bad : {"HTTP/2 200\r\n\r\n", "+OK\r\n", "HTTP/1.1 20\r\n", "HTTP/1.1 2000 x\r\n",
                          "HTTP/1.1 099 x\r\n", "HTTP/1.x", "HTTP/1.1x200 OK\r\n"}) {
    ResponseHead head;
    EXPECT_EQ(ParseResponseHead(bad, "GET", head).outcome, ParseOutcome::kNotHttp) << bad;
  }
}

TEST(FindField, LooksInAnyCaseAndInCutHeads) {
  EXPECT_EQ(FindField(kGet, "HOST"), "Example.org");
  EXPECT_EQ(FindField(kGet.substr(0, kGet.find("\r\nConn") + 2), "host"), "Example.org");
  EXPECT_FALSE(FindField(kGet, "Referer").has_value());
  EXPECT_FALSE(FindField("", "Host").has_value());
}

TEST(ChunkScanner, FindsTheEndAtEverySplit) {
  const std::string_view body = "4;ext=1\r\nWiki\r\n0A\n0123456789\nb\r\n0\r\n\r\n0\r\n\r\nabcd";
  const std::string_view whole = "4;ext=1\r\nWiki\r\n0A\n0123456789\n0\r\nTrailer: x\r\n\r\nNEXT";
  const size_t end = whole.size() - 4;
  for (size_t split = 0; split <= whole.size(); ++split) {
    ChunkScanner scanner;
    const auto first = scanner.Feed(whole.substr(0, split));
    const auto second = scanner.Feed(whole.substr(first.consumed));
    EXPECT_EQ(second.outcome, ChunkScanner::Outcome::kDone) << split;
    EXPECT_EQ(first.consumed + second.consumed, end) << split;
  }
  ChunkScanner scanner;
  EXPECT_EQ(scanner.Feed(body.substr(0, 34)).outcome, ChunkScanner::Outcome::kMore);
}

TEST(ChunkScanner, SkipsUnseenBytesWithinAChunkOnly) {
  ChunkScanner scanner;
  EXPECT_EQ(scanner.Feed("64\r\nabcd").outcome, ChunkScanner::Outcome::kMore);
  EXPECT_EQ(scanner.Skip(96), ChunkScanner::Outcome::kMore);
  EXPECT_EQ(scanner.Feed("\r\n0\r\n\r\n").outcome, ChunkScanner::Outcome::kDone);
  ChunkScanner lost;
  EXPECT_EQ(lost.Feed("64\r\nabcd").outcome, ChunkScanner::Outcome::kMore);
  EXPECT_EQ(lost.Skip(97), ChunkScanner::Outcome::kLost);
  EXPECT_EQ(lost.Feed("0\r\n\r\n").outcome, ChunkScanner::Outcome::kLost);
  for (const char* bad : {"g\r\n", "\r\n", "ffffffffffffffffff\r\n", "1\r\nab\r\n"}) {
    ChunkScanner scan;
    EXPECT_EQ(scan.Feed(bad).outcome, ChunkScanner::Outcome::kLost) << bad;
  }
}

TEST(ResponseHead, MediaTypeWithoutParameters) {
  for (const auto& [field, type] :
       {std::pair("Content-Type: text/html; charset=utf-8", "text/html"),
        std::pair("content-type:image/png ;q", "image/png"), std::pair("Content-Type: ", ""),
        std::pair("X: y", "")}) {
    ResponseHead head;
    const std::string bytes = std::string("HTTP/1.1 200 OK\r\n") + field + "\r\n\r\n";
    EXPECT_EQ(ParseResponseHead(bytes, "GET", head).outcome, ParseOutcome::kSuccess);
    EXPECT_EQ(head.media_type, type) << field;
  }
}

}  // namespace
}  // namespace pinfo

#include "collector/pipeline/call_book.h"

#include <gmock/gmock.h>

#include "tests/unit/pipeline/make_record.h"

namespace pinfo {
namespace {

using testing::ElementsAre;
using testing::FieldsAre;
using testing::IsEmpty;

struct CallAt {
  uint64_t connection = 1;
  uint32_t turn = 1;
  uint64_t first_ns = 0;
  uint64_t last_ns = 0;
  uint32_t calls = 1;
  uint16_t port = 6379;
};

RecordWords MakeCall(const CallAt& at) {
  pinfo_call call{};
  call.connection = at.connection;
  call.turn = at.turn;
  call.first_ns = at.first_ns;
  call.last_ns = at.last_ns;
  call.waited_ns = at.last_ns - at.first_ns;
  call.calls = at.calls;
  call.transport = PINFO_TRANSPORT_TCP4;
  call.peer_address[0] = 10;
  call.peer_address[3] = 7;
  call.peer_port = at.port;
  return MakeRecord(call, PINFO_RECORD_CALL, static_cast<int64_t>(at.last_ns), 1, 1);
}

void Add(CallBook& book, const CallAt& at) {
  const RecordWords words = MakeCall(at);
  const auto record = DecodeRecord(BytesOf(words));
  ASSERT_TRUE(record);
  book.Add(*record);
}

ServedRequest Request(uint32_t turn, int64_t start_ns, int64_t end_ns) {
  ServedRequest request;
  request.connection = ConnectionId{1};
  request.first_turn = turn;
  request.last_turn = turn;
  request.start_ns = start_ns;
  request.end_ns = end_ns;
  return request;
}

TEST(CallBook, SumsUpTheCallsOfARequestByPeer) {
  CallBook book;
  Add(book, {.first_ns = 110, .last_ns = 120, .calls = 2});
  Add(book, {.first_ns = 130, .last_ns = 150, .port = 5432});
  Add(book, {.first_ns = 160, .last_ns = 165});
  EXPECT_THAT(book.Take(Request(1, 100, 200)),
              ElementsAre(FieldsAre("10.0.0.7:6379", 3, 15), FieldsAre("10.0.0.7:5432", 1, 20)));
  EXPECT_EQ(book.seen(), 4);
  EXPECT_EQ(book.attributed(), 4);
  EXPECT_EQ(book.size(), 0U);
}

TEST(CallBook, TellsWhenTheFirstOnesWere) {
  CallBook book;
  for (uint64_t i = 0; i < CallBook::kSpansMax + 5; ++i) {
    Add(book, {.first_ns = 110 + 10 * i, .last_ns = 115 + 10 * i, .calls = 2});
  }
  std::vector<CallSpanRow> spans;
  EXPECT_THAT(book.Take(Request(1, 100, 9999), &spans),
              ElementsAre(FieldsAre("10.0.0.7:6379", 210, 525)));
  ASSERT_EQ(spans.size(), CallBook::kSpansMax);
  EXPECT_THAT(spans[1], FieldsAre("10.0.0.7:6379", Tid{1}, 20, 25, 2, 5));
}

TEST(CallBook, WhatLiesOutsideTheRequestIsNotItsOwn) {
  CallBook book;
  Add(book, {.first_ns = 90, .last_ns = 110});   // begun before it
  Add(book, {.first_ns = 190, .last_ns = 210});  // ended after it
  Add(book, {.connection = 0, .first_ns = 120, .last_ns = 130});
  Add(book, {.connection = 2, .first_ns = 120, .last_ns = 130});
  Add(book, {.turn = 2, .first_ns = 220, .last_ns = 230});
  EXPECT_THAT(book.Take(Request(1, 100, 200)), IsEmpty());
  EXPECT_THAT(book.Take(Request(2, 215, 240)), ElementsAre(FieldsAre("10.0.0.7:6379", 1, 10)));
  EXPECT_EQ(book.seen(), 5);
  EXPECT_EQ(book.attributed(), 1);
}

TEST(CallBook, PipelinedRequestsOfOneTurnShareNoCall) {
  CallBook book;
  Add(book, {.first_ns = 110, .last_ns = 120});
  Add(book, {.first_ns = 160, .last_ns = 180});
  EXPECT_THAT(book.Take(Request(1, 100, 150)), ElementsAre(FieldsAre("10.0.0.7:6379", 1, 10)));
  EXPECT_THAT(book.Take(Request(1, 100, 200)), ElementsAre(FieldsAre("10.0.0.7:6379", 1, 20)));
}

TEST(CallBook, IsBoundedInPeersAndInRecords) {
  CallBook book(/*capacity=*/1000);
  for (uint16_t port = 1; port <= 150; ++port) {
    Add(book, {.first_ns = 110, .last_ns = 111, .port = port});
  }
  const std::vector<CallRow> rows = book.Take(Request(1, 100, 200));
  EXPECT_EQ(rows.size(), CallBook::kPeersMax);
  EXPECT_EQ(rows.back().peer, "{other}");
  EXPECT_EQ(rows.back().calls, 51);
  for (uint64_t i = 0; i < 5000; ++i) {
    Add(book, {.connection = i + 10, .first_ns = 300 + i, .last_ns = 301 + i});
  }
  EXPECT_LE(book.size(), 1000U);
  EXPECT_EQ(book.seen(), 5150);
  book.Expire(1'000'000);
  EXPECT_EQ(book.size(), 0U);
}

TEST(CallBook, NamesUnixSockets) {
  pinfo_call call{};
  call.transport = PINFO_TRANSPORT_UNIX;
  EXPECT_EQ(PeerName(call, "/run/redis.sock"), "unix:/run/redis.sock");
  EXPECT_EQ(PeerName(call, std::string_view("/run/a\0junk", 11)), "unix:/run/a");
  EXPECT_EQ(PeerName(call, std::string_view("\0name", 5)), "unix:@name");
  EXPECT_EQ(PeerName(call, ""), "unix:");
}

}  // namespace
}  // namespace pinfo
